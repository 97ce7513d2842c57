#include <cstdio>

#include "cli.h"
#include "responder_flags.h"

namespace muster::app {

int run_config(int argc, char** argv) {
  CLI::App app("Checks muster.toml, or prints the reference of every key.", "muster config");
  app.require_subcommand(1);
  std::string path;
  CLI::App* check =
      app.add_subcommand("check", "say whether a file is right, without starting anything");
  check->add_option("FILE", path, "the configuration file")->required();
  CLI::App* reference = app.add_subcommand(
      "reference", "print every key with type, unit, default and meaning (Markdown)");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }

  Options options;
  if (*reference) {
    config::Section root;
    bind(root, options);
    std::printf(
        "# muster.toml\n\nWritten by `./run docs` from the program itself. Unknown keys are "
        "errors. Flags of a command override the file.\n%s",
        config::reference(root).c_str());
    return kExitOk;
  }
  if (path.empty()) {
    std::fprintf(stderr, "muster config: FILE is empty text: an unset variable of a script?\n");
    return kExitUsage;
  }
  const auto loaded = load_options(path, options);
  if (!loaded) {
    std::fprintf(stderr, "muster config: %s\n", loaded.error().message.c_str());
    return exit_code_of(loaded.error());
  }
  if (const auto kept = check_store(options); !kept) {
    std::fprintf(stderr, "muster config: %s: %s\n", path.c_str(), kept.error().message.c_str());
    return kept.error().exit_code;
  }
  std::printf("%s: every key is known and has a fit value; the files it names were not opened\n",
              path.c_str());
  return kExitOk;
}

}  // namespace muster::app
