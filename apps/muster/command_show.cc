#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli.h"
#include "muster/base/file.h"
#include "muster/base/text.h"
#include "show_input.h"
#include "show_print.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;

enum class Format : std::uint8_t { kText, kJson };

struct ShowOptions {
  std::vector<std::string> files;
  std::optional<ShownType> type;
  Format format = Format::kText;
  ocsp::Framing framing = ocsp::Framing::kStrict;
};

/// Why an object cannot be shown.
struct ShowError {
  std::string message;
  std::optional<der::DerError> where;
};
using Shown = Result<Unit, ShowError>;

/// Prints the objects of one run, as text blocks or as the elements of one JSON document.
class Output {
 public:
  explicit Output(Format format) : format_(format) {
    if (format_ == Format::kJson) {
      std::fputs("{\"schema_version\":1,\"objects\":[", stdout);
    }
  }

  void object(const std::string& file, ShownType type, const Json& description) {
    begin(file, type, description);
    end("}");
  }
  /// A CRL: entries are printed while they are read, so that memory does not grow with their
  /// number.
  void crl(const std::string& file, const crl::CrlView& crl) {
    begin(file, ShownType::kCrl, describe(crl));
    if (format_ == Format::kJson) {
      std::fputs(",\"entries\":[", stdout);
    }
    bool is_first = true;
    crl::for_each_entry(crl, [&](const crl::AttributedEntry& entry) {
      print_entry(describe(entry, crl.issuer), is_first);
      is_first = false;
      return std::ferror(stdout) != 0 ? crl::Walk::kStop : crl::Walk::kContinue;
    });
    end("]}");
  }
  void error(const std::string& file, const ShowError& error) {
    std::fprintf(stderr, "muster show: %s: %s\n", printable(file).c_str(), error.message.c_str());
    error_object(file, error);
  }
  void unreadable(const std::string& file, const FileError& error) {
    const std::string message = to_string(error);  // names the file
    std::fprintf(stderr, "muster show: %s\n", message.c_str());
    error_object(file, {message, {}});
  }
  /// Whether everything reached standard output.
  bool finish() {
    if (format_ == Format::kJson) {
      std::fputs("]}\n", stdout);
    }
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  }

 private:
  void error_object(const std::string& file, const ShowError& error) {
    if (format_ == Format::kText) {
      return;
    }
    Json detail = {{"message", error.message}};
    if (error.where) {
      detail["code"] = to_string(error.where->code);
      detail["field"] = error.where->field;
      detail["offset"] = error.where->offset;
    }
    separate();
    std::fputs(json_text({{"file", printable(file)}, {"error", detail}}).c_str(), stdout);
  }
  void separate() {
    if (count_++ > 0) {
      std::fputs(format_ == Format::kJson ? "," : "\n", stdout);
    }
  }
  void begin(const std::string& file, ShownType type, const Json& description) {
    separate();
    if (format_ == Format::kText) {
      std::printf("%s (%s)\n", std::string(to_string(type)).c_str(), printable(file).c_str());
      print_text(stdout, description, 2);
      return;
    }
    Json object = {{"file", printable(file)}, {"type", json_name(type)}};
    object.update(description);
    std::string text = json_text(object);
    text.pop_back();  // the closing brace, which end() writes
    std::fputs(text.c_str(), stdout);
  }
  void end(const char* json_tail) {
    if (format_ == Format::kJson) {
      std::fputs(json_tail, stdout);
    }
  }
  void print_entry(const Json& entry, bool is_first) {
    if (format_ == Format::kJson) {
      std::printf("%s%s", is_first ? "" : ",", json_text(entry).c_str());
      return;
    }
    std::fputs("   ", stdout);
    for (const auto& [key, value] : entry.items()) {
      const bool is_labelled = key == "invalidity_date" || key == "certificate_issuer";
      std::printf(" %s%s", is_labelled ? (key == "invalidity_date" ? "invalid since " : "of ") : "",
                  value.get<std::string>().c_str());
    }
    std::fputs("\n", stdout);
  }

  Format format_;
  std::size_t count_ = 0;
};

ShowError not_a(ShownType type, const der::DerError& error) {
  return {"not a valid " + std::string(to_string(type)) + ": " + to_string(error), error};
}

Shown show_as(ShownType type, const std::string& file, Bytes der, ocsp::Framing framing,
              Output& output) {
  switch (type) {
    case ShownType::kRequest: {
      const auto request = ocsp::parse_request(der, {}, framing);
      if (!request) {
        return Err{not_a(type, request.error())};
      }
      output.object(file, type, describe(*request));
      return Unit{};
    }
    case ShownType::kResponse: {
      const auto response = ocsp::parse_response(der, {}, framing);
      if (!response) {
        return Err{not_a(type, response.error())};
      }
      output.object(file, type, describe(*response));
      return Unit{};
    }
    case ShownType::kCrl: {
      const auto crl = crl::parse_crl(der);
      if (!crl) {
        return Err{not_a(type, crl.error())};
      }
      output.crl(file, *crl);
      return Unit{};
    }
    case ShownType::kCertificate: {
      const auto certificate = pki::Certificate::parse(der);
      if (!certificate) {
        return Err{
            ShowError{"not a valid certificate: " + printable(certificate.error().detail), {}}};
      }
      output.object(file, type, describe(*certificate));
      return Unit{};
    }
  }
  return Unit{};
}

/// What a file that parses as nothing was meant to be: as its name says, else the type that got
/// furthest.
ShowError best_error(const std::string& file,
                     const std::vector<std::pair<ShownType, ShowError>>& errors) {
  const std::string name = to_lower(file);
  const auto has_suffix = [&name](std::string_view suffix) {
    return name.ends_with(to_lower(suffix));
  };
  const ShowError* best = nullptr;
  for (const auto& [type, error] : errors) {
    if ((type == ShownType::kRequest && has_suffix(ocsp::kRequestFileSuffix)) ||
        (type == ShownType::kResponse && has_suffix(ocsp::kResponseFileSuffix)) ||
        (type == ShownType::kCrl && has_suffix(".crl"))) {
      return error;
    }
    if (error.where && (best == nullptr || error.where->offset > best->where->offset)) {
      best = &error;
    }
  }
  MUSTER_ASSERT(best != nullptr);
  return {"neither OCSP request, OCSP response, CRL nor certificate; the nearest: " + best->message,
          best->where};
}

Shown show_input(const std::string& file, const ShownInput& input, const ShowOptions& options,
                 Output& output) {
  const std::optional<ShownType> told = options.type ? options.type : input.label;
  if (told) {
    return show_as(*told, file, input.der, options.framing, output);
  }
  std::vector<std::pair<ShownType, ShowError>> errors;
  for (const ShownType type :
       {ShownType::kResponse, ShownType::kRequest, ShownType::kCertificate, ShownType::kCrl}) {
    auto shown = show_as(type, file, input.der, options.framing, output);
    if (shown) {
      return shown;
    }
    errors.emplace_back(type, shown.error());
  }
  return Err{best_error(file, errors)};
}

/// Whether all of one file could be shown.
bool show_file(const std::string& file, const ShowOptions& options, Output& output) {
  auto octets = read_file(file, kMaxFileBytes);
  if (!octets) {
    output.unreadable(file, octets.error());
    return false;
  }
  const auto inputs = decode_shown_input(*std::move(octets));
  if (!inputs) {
    output.error(file, {inputs.error(), {}});
    return false;
  }
  bool all_good = true;
  for (const ShownInput& input : *inputs) {
    if (const auto shown = show_input(file, input, options, output); !shown) {
      output.error(file, shown.error());
      all_good = false;
    }
  }
  return all_good;
}

}  // namespace

int run_show(int argc, char** argv) {
  CLI::App app("Decodes OCSP requests and responses, CRLs and certificates. Verifies nothing.",
               "muster show");
  app.footer(
      "FILE may hold DER, PEM (several blocks), hexadecimal, base64, or an OCSP GET URL.\n"
      "Exit code 66 when a FILE cannot be read or decoded; the message tells field and octet.");
  ShowOptions options;
  bool json = false;
  bool lenient = false;
  std::string type;
  app.add_option("FILE", options.files, "what to show; '-' is standard input")->required();
  app.add_flag("--json", json, "one JSON document instead of text");
  app.add_option("--type", type, "what the files are, instead of finding out")
      ->check(CLI::IsMember({"request", "response", "crl", "certificate"}));
  app.add_flag("--lenient", lenient, "tolerate overlong lengths outside signed octets");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  options.format = json ? Format::kJson : Format::kText;
  options.framing = lenient ? ocsp::Framing::kLenient : ocsp::Framing::kStrict;
  if (!type.empty()) {
    options.type = type == "request"    ? ShownType::kRequest
                   : type == "response" ? ShownType::kResponse
                   : type == "crl"      ? ShownType::kCrl
                                        : ShownType::kCertificate;
  }
  Output output(options.format);
  bool all_good = true;
  for (const std::string& file : options.files) {
    all_good = show_file(file, options, output) && all_good;
  }
  if (!output.finish()) {
    std::fprintf(stderr, "muster show: cannot write to standard output: %s\n",
                 std::strerror(errno));
    return kExitInternal;
  }
  return all_good ? kExitOk : kExitInput;
}

}  // namespace muster::app
