#include "muster/base/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string_view>

#include "muster/base/mutex.h"

extern char** environ;

namespace muster {
namespace {

struct Withheld {
  Mutex mutex;
  std::set<std::string, std::less<>> names MUSTER_GUARDED_BY(mutex);
};
Withheld& withheld() {
  static Withheld all;
  return all;
}

bool is_withheld(std::string_view variable) {
  Withheld& all = withheld();
  const MutexLock lock(all.mutex);
  return all.names.contains(variable.substr(0, variable.find('=')));
}

}  // namespace

void withhold_from_commands(std::string_view variable) {
  Withheld& all = withheld();
  const MutexLock lock(all.mutex);
  all.names.emplace(variable);
}

Result<::pid_t, int> spawn_command(const std::vector<std::string>& command,
                                   const std::vector<std::string>& environment,
                                   int standard_input) {
  std::vector<char*> arguments, variables;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  for (char** e = environ; *e != nullptr; ++e) {
    if (!is_withheld(*e)) {
      variables.push_back(*e);
    }
  }
  for (const std::string& one : environment) {
    variables.push_back(const_cast<char*>(one.c_str()));
  }
  variables.push_back(nullptr);

  ::posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::sigset_t none, defaults;
  ::sigemptyset(&none);
  ::sigfillset(&defaults);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (standard_input >= 0) {
    ::posix_spawn_file_actions_adddup2(&actions, standard_input, STDIN_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  ::pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(),
                                   variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return Err{error};
  }
  return child;
}

}  // namespace muster
