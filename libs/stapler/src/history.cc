#include "muster/stapler/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <set>

#include "columns.h"
#include "json_fields.h"
#include "muster/base/text.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kName = "history.jsonl";
constexpr std::string_view kOlderName = "history.1.jsonl";
constexpr std::size_t kMaxReadBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxDetail = 400;

std::string errno_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

}  // namespace

std::string encode_history(const HistoryEvent& e) {
  Json out = {{"at", format_iso8601(e.at)}, {"event", printable(e.event)}};
  const auto put = [&out](const char* key, const std::string& text) {
    if (!text.empty()) {
      out[key] = printable(text.substr(0, kMaxDetail));
    }
  };
  put("certificate", e.certificate);
  put("name", e.name);
  put("result", e.result);
  put("response", e.response);
  put("status", e.status);
  if (e.this_update) {
    out["this_update"] = format_iso8601(*e.this_update);
  }
  if (e.expires) {
    out["expires"] = format_iso8601(*e.expires);
  }
  put("source", e.source);
  if (e.took) {
    out["took_ms"] = e.took->count();
  }
  put("target", e.target);
  put("address", e.address);
  put("detail", e.detail);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<HistoryEvent> parse_history(std::string_view line) {
  const Json in = Json::parse(line, nullptr, false);
  if (in.is_discarded() || !in.is_object()) {
    return std::nullopt;
  }
  HistoryEvent e;
  const auto at = time_at(in, "at");
  e.event = text_at(in, "event");
  if (!at || e.event.empty()) {
    return std::nullopt;
  }
  e.at = *at;
  e.certificate = text_at(in, "certificate");
  e.name = text_at(in, "name");
  e.result = text_at(in, "result");
  e.response = text_at(in, "response");
  e.status = text_at(in, "status");
  e.this_update = time_at(in, "this_update");
  e.expires = time_at(in, "expires");
  e.source = text_at(in, "source");
  if (in.contains("took_ms")) {
    e.took = Milliseconds(static_cast<std::int64_t>(
        std::min<std::uint64_t>(number_at(in, "took_ms"), 1'000'000'000)));
  }
  e.target = text_at(in, "target");
  e.address = text_at(in, "address");
  e.detail = text_at(in, "detail");
  return e;
}

History::History(std::string directory, std::uint64_t limit, Logger& logger)
    : path_(directory.empty() ? std::string() : directory + '/' + std::string(kName)),
      older_path_(directory + '/' + std::string(kOlderName)),
      half_(limit / 2),
      logger_(logger) {}

bool History::open() {
  file_.reset(::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  struct stat info {};
  if (!file_ || ::fstat(file_.get(), &info) != 0) {
    complain(errno);
    file_.reset();
    return false;
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  char last = '\n';
  is_torn_ = size_ != 0 && (::pread(file_.get(), &last, 1, info.st_size - 1) != 1 || last != '\n');
  return true;
}

void History::turn_over() {
  file_.reset();
  if (::rename(path_.c_str(), older_path_.c_str()) != 0) {
    complain(errno);
    ::unlink(path_.c_str());  // bounded comes before complete
  }
}

void History::add(const HistoryEvent& event) {
  if (!path_.empty() && half_ != 0) {
    write(encode_history(event) + '\n');
  }
}

void History::write(const std::string& line) {
  if (!file_ && !open()) {
    return;
  }
  if (size_ != 0 && size_ + line.size() > half_) {
    turn_over();
    if (!open() || size_ != 0) {
      return;  // bounded comes before complete; it was complained about
    }
  }
  const std::string text = (is_torn_ ? "\n" : "") + line;
  const ::ssize_t n = ::write(file_.get(), text.data(), text.size());
  if (n != static_cast<::ssize_t>(text.size())) {
    complain(n < 0 ? errno : ENOSPC);
    is_torn_ = is_torn_ || n > 0;
    size_ += n > 0 ? static_cast<std::uint64_t>(n) : 0;
    return;
  }
  is_torn_ = false;
  complained_ = false;
  size_ += text.size();
}

void History::complain(int error) {
  if (!complained_) {
    complained_ = true;
    logger_.log(LogLevel::kWarning, "history.write_failed",
                "what happens is not recorded for now: " + errno_text(error), {{"file", path_}});
  }
}

Result<std::vector<HistoryEvent>, std::string> read_history(const std::string& directory,
                                                            const HistoryQuery& query) {
  std::deque<HistoryEvent> found;
  bool is_any = false;
  std::set<std::string> names;  // that the certificate has had
  const auto fits = [&](const HistoryEvent& e) {
    if (query.certificate.empty() || (e.certificate.empty() && e.name.empty())) {
      return true;
    }
    if (e.certificate == query.certificate) {
      names.insert(e.name);
    }
    // What targets did is told by name alone.
    return e.certificate == query.certificate || e.name == query.certificate ||
           (e.certificate.empty() && names.contains(e.name));
  };
  for (const std::string_view name : {kOlderName, kName}) {
    const auto content = read_file(directory + '/' + std::string(name), kMaxReadBytes);
    if (!content) {
      if (content.error().os_error != ENOENT) {
        return Err{to_string(content.error())};
      }
      continue;
    }
    is_any = true;
    for (const std::string_view line : split(as_text(*content), '\n')) {
      auto event = line.empty() ? std::nullopt : parse_history(line);
      if (event && fits(*event)) {
        found.push_back(*std::move(event));
        if (query.last != 0 && found.size() > query.last) {
          found.pop_front();
        }
      }
    }
  }
  if (!is_any) {
    return Err{"there is no history in '" + directory +
               "' (a stapler writes it while it runs, unless history = 0 in [stapler])"};
  }
  return std::vector<HistoryEvent>(std::make_move_iterator(found.begin()),
                                   std::make_move_iterator(found.end()));
}

std::string render_history(const std::vector<HistoryEvent>& events) {
  std::size_t name_width = 11;
  for (const HistoryEvent& e : events) {
    name_width = std::min<std::size_t>(40, std::max(name_width, printable(e.name).size()));
  }
  std::string out = "TIME                  " + pad("CERTIFICATE", name_width) +
                    "  EVENT      RESULT          RESPONSE      EXPIRES               TOOK     "
                    "WHERE, WHY\n";
  for (const HistoryEvent& e : events) {
    std::string where;
    for (const std::string* part : {&e.target, &e.address, &e.source, &e.detail}) {
      where += (where.empty() || part->empty() ? "" : ", ") + printable(*part);
    }
    out += format_iso8601(e.at) + "  " + pad(e.name.empty() ? "(all)" : e.name, name_width) + "  " +
           pad(e.event, 9) + "  " + pad(e.result.empty() ? "-" : e.result, 14) + "  " +
           pad(e.response.empty() ? "-" : e.response.substr(0, 12), 12) + "  " +
           pad(e.expires ? format_iso8601(*e.expires) : "-", 20) + "  " +
           pad(e.took ? std::to_string(e.took->count()) + " ms" : "-", 7) + "  " +
           (where.empty() ? "-" : where) + '\n';
  }
  return out;
}

}  // namespace muster::stapler
