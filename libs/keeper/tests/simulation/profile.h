#pragma once

#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "schedule.h"

namespace muster::keeper::simulation {

inline constexpr UnixSeconds kStart = unix_seconds(1'800'000'000);
inline constexpr std::size_t kAuthorities = 4, kPerAuthority = 40;

/// A certificate of the pool all worlds draw from; real ones, the same in every process and thread,
/// made once in each. The reference lives as long as the thread.
const Subject& pool(std::size_t index);
inline constexpr std::size_t kPool = kAuthorities * kPerAuthority;
/// Which of the pool this is; kPool: none.
std::size_t index_of(const Fingerprint& id);

/// What a world is like; all of it follows from the seed.
struct Profile {
  std::uint64_t seed = 0;
  Seconds duration{0};
  std::size_t certificates = 0, hosts = 0;  ///< hosts: the first never fails
  Seconds shortest{0}, longest{0};          ///< validity of answers
  double trouble = 0;                       ///< share of the time a host is in some
  unsigned egresses = 1;
  bool withhold = false, restarts = false, disk_faults = false, clock_jumps = false,
       rotation = false, heartbeat = false;
  std::size_t follow = kPool;  ///< the certificate whose story is told on stderr; kPool: none
};
/// The kinds of worlds take turns: long calm years, stormy months, hectic days.
Profile profile_for(std::uint64_t seed);
/// Certificate-years of such a world.
double years_of(const Profile& profile);

struct Report {
  std::string failure;  ///< empty: every promise held
  double certificate_years = 0;
  std::uint64_t requests = 0, taken = 0, revocations = 0, gaps = 0, restarts = 0, crashes = 0,
                jumps = 0, rotations = 0, windows = 0, trace = 0;
  void add(const Report& other);
};
/// Runs a world to its end, or to the first promise that is broken.
Report run_world(const Profile& profile);

}  // namespace muster::keeper::simulation
