#include "muster/testing/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "muster/base/assert.h"
#include "muster/base/bytes.h"
#include "muster/base/file.h"
#include "muster/base/text.h"

extern char** environ;

namespace muster::testing {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

Milliseconds left_until(Deadline deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? left : Milliseconds(0);
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  Pipe() {
    int ends[2];
    MUSTER_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

struct Child {
  int pid = -1;
  UniqueFd pid_fd;  // becomes readable when the child ends: a wait with a deadline needs no polling
  UniqueFd input;
  UniqueFd out;
  UniqueFd err;
};

Child spawn(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  MUSTER_ASSERT(!arguments.empty());
  // Between fork and exec only async-signal-safe calls are allowed, so everything is prepared here.
  const std::string program = find_program(arguments[0]).value_or(arguments[0]);
  std::vector<std::string> environment;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string_view entry = *e;
    // Servers of tests are asked directly, whatever way out this machine has.
    bool replaced = to_lower(entry.substr(0, entry.find('='))).ends_with("_proxy");
    for (const auto& [name, value] : options.environment) {
      replaced = replaced || entry.starts_with(name + "=");
    }
    if (!replaced) {
      environment.emplace_back(entry);
    }
  }
  for (const auto& [name, value] : options.environment) {
    environment.push_back(name + "=" + value);
  }
  std::vector<std::string> words = arguments;
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (std::string& entry : environment) {
    envp.push_back(entry.data());
  }
  envp.push_back(nullptr);

  Pipe in;
  Pipe out;
  Pipe err;
  const int parent = ::getpid();
  const int pid = ::fork();
  MUSTER_ASSERT(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
      ::_exit(126);
    }
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(in.read_end.get(), 0);
    ::dup2(out.write_end.get(), 1);
    ::dup2(err.write_end.get(), 2);
    if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) {
      ::_exit(126);
    }
    ::execve(program.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
  ::setpgid(pid, pid);  // here too: who kills the group at once must find it
  Child child;
  child.pid = pid;
  child.pid_fd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  MUSTER_ASSERT(child.pid_fd);
  child.input = std::move(in.write_end);
  child.out = std::move(out.read_end);
  child.err = std::move(err.read_end);
  return child;
}

bool wait_readable(int fd, Milliseconds timeout) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(timeout.count())) > 0;
}

ProcessResult reap(Child& child) {
  int status = 0;
  int got = 0;
  do {
    got = ::waitpid(child.pid, &status, 0);
  } while (got < 0 && errno == EINTR);
  ProcessResult result;
  if (WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
  } else if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  }
  ::kill(-child.pid, SIGKILL);  // grandchildren in its group
  return result;
}

void append_available(UniqueFd& fd, std::string& to) {
  char chunk[16384];
  const ssize_t n = ::read(fd.get(), chunk, sizeof chunk);
  if (n > 0) {
    to.append(chunk, static_cast<std::size_t>(n));
  } else if (n == 0 || errno != EINTR) {
    fd.reset();
  }
}

/// Writes what fits; closes when all is written or nobody reads.
void feed(UniqueFd& fd, std::string_view& input) {
  const ssize_t n = ::write(fd.get(), input.data(), input.size());
  if (n > 0) {
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    fd.reset();
  }
}

/// A child that closes its input early must cost us an error code, not our life.
void ignore_sigpipe() {
  static const bool done = [] {
    ::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

std::string ProcessResult::describe() const {
  std::string text = timed_out     ? "timed out"
                     : signal != 0 ? "signal " + std::to_string(signal)
                                   : "exit " + std::to_string(exit_code);
  text += "\n--- standard output\n" + out + "\n--- standard error\n" + err;
  return text;
}

std::optional<std::string> find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) {
    return ::access(std::string(name).c_str(), X_OK) == 0 ? std::optional(std::string(name))
                                                          : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  const std::string folders = std::string(path != nullptr ? path : "") + ":/usr/sbin:/usr/bin";
  for (const std::string_view folder : split(folders, ':')) {
    const std::string candidate = std::string(folder) + "/" + std::string(name);
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return std::nullopt;
}

std::uint16_t unused_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  MUSTER_ASSERT(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);  // free for those too that bind to every address
  socklen_t size = sizeof address;
  MUSTER_ASSERT(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  MUSTER_ASSERT(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  ignore_sigpipe();
  const Deadline deadline = std::chrono::steady_clock::now() + options.timeout;
  Child child = spawn(arguments, options);
  std::string_view input = options.input;
  ::fcntl(child.input.get(), F_SETFL, O_NONBLOCK);
  if (input.empty()) {
    child.input.reset();
  }
  std::string out;
  std::string err;
  bool timed_out = false;
  // The output of a child that left grandchildren behind stays open; its end is then what counts.
  bool ended = false;
  while (child.out || child.err) {
    pollfd fds[4] = {{child.out.get(), POLLIN, 0},
                     {child.err.get(), POLLIN, 0},
                     {child.input.get(), POLLOUT, 0},
                     {ended ? -1 : child.pid_fd.get(), POLLIN, 0}};
    const int wait_ms = ended ? 0 : static_cast<int>(left_until(deadline).count());
    const int ready = ::poll(fds, 4, wait_ms);
    if (ready == 0) {
      timed_out = !ended;
      break;
    }
    if (ready < 0) {
      continue;
    }
    if (fds[0].revents != 0) {
      append_available(child.out, out);
    }
    if (fds[1].revents != 0) {
      append_available(child.err, err);
    }
    if (fds[2].revents != 0) {
      feed(child.input, input);
    }
    ended = ended || fds[3].revents != 0;
  }
  if (!timed_out && !wait_readable(child.pid_fd.get(), left_until(deadline))) {
    timed_out = true;
  }
  if (timed_out) {
    ::kill(-child.pid, SIGKILL);
  }
  ProcessResult result = reap(child);
  result.timed_out = timed_out;
  result.out = std::move(out);
  result.err = std::move(err);
  return result;
}

struct Daemon::Impl {
  Child child;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string text;  // guarded
  std::size_t search_from = 0;
  bool closed = false;  // guarded: both streams ended
  std::optional<ProcessResult> result;
  Pipe stop_reading;
  std::thread reader;

  void read_all() {
    while (child.out || child.err) {
      pollfd fds[3] = {{child.out.get(), POLLIN, 0},
                       {child.err.get(), POLLIN, 0},
                       {stop_reading.read_end.get(), POLLIN, 0}};
      if (::poll(fds, 3, -1) < 0) {
        continue;
      }
      std::string more;
      if (fds[0].revents != 0) {
        append_available(child.out, more);
      }
      if (fds[1].revents != 0) {
        append_available(child.err, more);
      }
      const std::lock_guard lock(mutex);
      text += more;
      changed.notify_all();
      if (more.empty() && fds[2].revents != 0) {
        break;
      }
    }
    const std::lock_guard lock(mutex);
    closed = true;
    changed.notify_all();
  }

  ProcessResult finish() {
    if (!result) {
      result = reap(child);
      MUSTER_ASSERT(::write(stop_reading.write_end.get(), "x", 1) == 1);
      reader.join();
      result->out = text;
    }
    return *result;
  }
};

Daemon::Daemon(const std::vector<std::string>& arguments, const ProcessOptions& options)
    : impl_(std::make_unique<Impl>()) {
  ignore_sigpipe();
  impl_->child = spawn(arguments, options);
  if (!options.input.empty()) {
    write_line(options.input);
  }
  impl_->reader = std::thread([impl = impl_.get()] { impl->read_all(); });
}

Daemon::~Daemon() {
  if (!impl_->result) {
    ::kill(-impl_->child.pid, SIGKILL);
    impl_->finish();
  }
}

int Daemon::pid() const { return impl_->child.pid; }

std::string Daemon::output() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->text;
}

std::optional<std::string> Daemon::wait_for(std::string_view text, Milliseconds timeout,
                                            From from) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(impl_->mutex);
  const std::size_t start = from == From::kBehindLast ? impl_->search_from : 0;
  for (;;) {
    const std::size_t at = impl_->text.find(text, start);
    const std::size_t end = at == std::string::npos ? at : impl_->text.find('\n', at);
    if (end != std::string::npos || (at != std::string::npos && impl_->closed)) {
      const std::size_t before = impl_->text.rfind('\n', at);
      const std::size_t begin = before == std::string::npos ? 0 : before + 1;
      const std::size_t stop = std::min(end, impl_->text.size());
      impl_->search_from = stop;
      return impl_->text.substr(begin, stop - begin);
    }
    if (impl_->closed || impl_->changed.wait_until(lock, deadline) == std::cv_status::timeout) {
      if (impl_->closed && impl_->text.find(text, start) != std::string::npos) {
        continue;
      }
      return std::nullopt;
    }
  }
}

std::optional<std::uint16_t> Daemon::wait_for_port(std::string_view text, Milliseconds timeout) {
  const auto line = wait_for(text, timeout);
  const std::size_t colon = line ? line->rfind(':') : std::string::npos;
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(line->data() + colon + 1, line->data() + line->size(), port);
  return error == std::errc() ? std::optional(port) : std::nullopt;
}

void Daemon::send_signal(int signal) const { ::kill(impl_->child.pid, signal); }

void Daemon::write_line(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  const ssize_t n = ::write(impl_->child.input.get(), text.data(), text.size());
  MUSTER_ASSERT(n == static_cast<ssize_t>(text.size()) || errno == EPIPE);
}

ProcessResult Daemon::stop(int signal, Milliseconds grace) {
  if (!impl_->result) {
    ::kill(impl_->child.pid, signal);
    const bool ended = wait_readable(impl_->child.pid_fd.get(), grace);
    if (!ended) {
      ::kill(-impl_->child.pid, SIGKILL);
    }
    impl_->finish();
    impl_->result->timed_out = !ended;
  }
  return *impl_->result;
}

std::optional<ProcessResult> Daemon::wait(Milliseconds timeout) {
  if (!impl_->result && !wait_readable(impl_->child.pid_fd.get(), timeout)) {
    return std::nullopt;
  }
  return impl_->finish();
}

}  // namespace muster::testing
