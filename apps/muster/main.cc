#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>
#include <vector>

#include "commands.h"
#include "muster/base/text.h"
#include "muster/net/descriptors.h"

namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(int argc, char** argv);
};

constexpr std::array kCommands = {
    Command{"responder", "answer OCSP requests for the CAs you run", muster::app::run_responder},
    Command{"edge", "answer OCSP requests from what a core node exported, without a key",
            muster::app::run_edge},
    Command{"relay", "answer OCSP requests from verified answers of other responders",
            muster::app::run_relay},
    Command{"check", "does this certificate still stand? (files, host:port)",
            muster::app::run_check},
    Command{"explain", "what a code of a report, or a rule of lint, means; what to do",
            muster::app::run_explain_code},
    Command{"lint", "hold a responder, or saved answers, to the rules of profiles",
            muster::app::run_lint},
    Command{"stapler", "keep fresh, verified staples for certificates", muster::app::run_stapler},
    Command{"front", "terminate TLS, staple, forward", muster::app::run_front},
    Command{"show", "decode a request, response, CRL or certificate", muster::app::run_show},
    Command{"store", "import, get, set, export and count status records", muster::app::run_store},
    Command{"crl", "publish CRLs from the responder's store", muster::app::run_crl},
    Command{"config", "check muster.toml, or print the reference of its keys",
            muster::app::run_config},
    Command{"version", "print the version",
            [](int, char**) {
              std::puts("muster " MUSTER_VERSION);
              return 0;
            }},
};

void print_usage(std::FILE* to) {
  std::fputs("muster - does this certificate still stand?\n\nusage: muster <command> [options]\n\n",
             to);
  for (const Command& command : kCommands) {
    std::fprintf(to, "  %-10s %s\n", command.name.data(), command.summary.data());
  }
  std::fputs("\n'muster <command> --help' tells the options of a command.\n", to);
}

/// Standard streams that whoever starts us has closed would be the numbers of sockets and files,
/// and what is printed would go there. Held so that to use them stays an error.
void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) {
      static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(
      SIGXFSZ,
      SIG_IGN);  // a file that may not grow is an error of that write, not the end of the service
  std::signal(SIGCHLD, SIG_DFL);  // ignored by whoever starts us, exit codes of commands were lost
  const rlimit no_core{0, 0};     // a core file would hold private keys
  ::setrlimit(RLIMIT_CORE, &no_core);
  // The soft limit protects programs that use select(), which none of ours does.
  if (rlimit files{}; ::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  if (const auto enough = muster::net::check_descriptors(0); !enough) {
    std::fprintf(stderr, "muster: %s\n", muster::net::to_string(enough.error()).c_str());
    return muster::app::kExitInternal;
  }
  if (argc < 2) {
    print_usage(stderr);
    return muster::app::kExitUsage;
  }
  const std::string_view word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    print_usage(stdout);
    return muster::app::kExitOk;
  }
  const std::string_view wanted = word == "--version" ? "version" : word;
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) {
    if (command.name == wanted) {
      const int code = command.run(argc - 1, argv + 1);
      if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && code == muster::app::kExitOk) {
        std::fputs("muster: standard output could not be written\n", stderr);
        return muster::app::kExitInternal;
      }
      return code;
    }
    names.push_back(command.name);
  }
  const std::string_view guess = muster::closest_match(word, names);
  std::fprintf(stderr, "muster: unknown command '%s'%s%s%s\n", muster::printable(word).c_str(),
               guess.empty() ? "" : " (did you mean '", std::string(guess).c_str(),
               guess.empty() ? "" : "'?)");
  print_usage(stderr);
  return muster::app::kExitUsage;
}
