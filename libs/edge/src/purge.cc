#include "muster/edge/purge.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "muster/base/file.h"
#include "muster/base/spawn.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/pki/certificate.h"

namespace muster::edge {
namespace {

constexpr Milliseconds kFirstLook{2};
constexpr Milliseconds kLastLook{200};

std::string text_of(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

/// A file in memory, so that a command that does not read keeps nobody waiting.
Result<UniqueFd, int> input_of(std::string_view text) {
  UniqueFd fd(::memfd_create("purge", MFD_CLOEXEC));
  while (fd && !text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) {
      return Err{errno};
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (!fd || ::lseek(fd.get(), 0, SEEK_SET) != 0) {
    return Err{errno};
  }
  return fd;
}

/// Why one run did not succeed; empty: it did.
std::string run_once(const PurgeOptions& options, const std::string& lines) {
  const auto input = input_of(lines);
  if (!input) {
    return "no memory for its input: " + text_of(input.error());
  }
  const auto child = spawn_command(options.command, {}, input->get());
  if (!child) {
    return "cannot be run: " + text_of(child.error()) + " (check its path and permissions)";
  }
  const MonotonicTime deadline = std::chrono::steady_clock::now() + options.timeout;
  Milliseconds look = kFirstLook;
  int status = 0;
  for (;;) {
    const ::pid_t done = ::waitpid(*child, &status, WNOHANG);
    if (done == *child) {
      break;
    }
    if (done < 0 && errno != EINTR) {  // somebody else took its exit code
      return "ended nobody knows how: " + text_of(errno);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      ::kill(-*child, SIGKILL);
      ::waitpid(*child, nullptr, 0);
      return "took longer than " + std::to_string(options.timeout.count()) + " ms and was killed";
    }
    // waitpid knows no deadline, and SIGCHLD is the whole process's: it is asked now and then.
    std::this_thread::sleep_for(look);
    look = std::min(look * 2, kLastLook);
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ""
         : WIFEXITED(status) ? "failed with exit code " + std::to_string(WEXITSTATUS(status))
                             : "was ended by a signal";
}

}  // namespace

std::string purge_lines(const std::vector<std::string>& requests, const std::string& url) {
  const std::string base = url.ends_with('/') ? url : url + "/";
  std::string out;
  for (const std::string& text : requests) {
    const auto request = http::base64_decode(text);
    if (!request) {
      continue;
    }
    for (const std::string& spelling : get_spellings(*request)) {
      out += "get " + base + spelling + "\n";
    }
    out += "post " + base + " " + to_hex(pki::digest(HashAlgorithm::kSha256, *request)) + "\n";
  }
  return out;
}

PurgeReport purge(const PurgeOptions& options, const std::vector<std::string>& requests,
                  Logger& logger) {
  PurgeReport report;
  if (options.command.empty()) {
    return report;
  }
  for (std::size_t at = 0; at < requests.size(); at += options.requests_per_run) {
    const auto first = requests.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(options.requests_per_run, requests.size() - at);
    const std::vector<std::string> some(first, first + static_cast<std::ptrdiff_t>(count));
    const std::string lines = purge_lines(some, options.url);
    std::string why;
    Milliseconds pause = options.pause;
    for (unsigned attempt = 0; attempt == 0 || attempt < options.tries; ++attempt) {
      if (attempt != 0) {  // whatever kept it from working gets a moment to pass
        std::this_thread::sleep_for(pause);
        pause *= 2;
      }
      ++report.runs;
      why = run_once(options, lines);
      if (why.empty()) {
        break;
      }
      ++report.failures;
      logger.log(LogLevel::kError, "export.purge_failed", "the purge command " + why,
                 {{"command", options.command.front()}, {"requests", some.size()}});
    }
    if (why.empty()) {
      report.purged += some.size();
    } else {
      // Whatever keeps it from working keeps it from the others too, which could take hours.
      report.not_purged.assign(first, requests.end());
      break;
    }
  }
  return report;
}

}  // namespace muster::edge
