#include <fcntl.h>
#include <sys/file.h>

#include "export_world.h"

namespace muster::edge {
namespace {

/// Lets go of a lock when it is told that somebody waits.
class LetsGo final : public Logger {
 public:
  using Logger::log;
  explicit LetsGo(UniqueFd lock) : lock_(std::move(lock)) {}
  void log(LogLevel, std::string_view event, std::string_view,
           std::initializer_list<LogField>) override {
    if (event == "export.waiting") {
      lock_.reset();
    }
  }

 private:
  UniqueFd lock_;
};

TEST(Export, AnotherRunIsWaitedFor) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  const auto lock = [&world] {
    UniqueFd fd(::open((world.options.directory + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
    return fd;
  };
  LetsGo lets_go(lock());
  EXPECT_TRUE(
      run_export(world.options, *world.setup, *world.store, *world.answers, world.clock, lets_go));
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  const UniqueFd kept = lock();
  world.options.patience = Milliseconds(0);
  const auto refused = run_export(world.options, *world.setup, *world.store, *world.answers,
                                  world.clock, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExportErrc::kBusy);
}

}  // namespace
}  // namespace muster::edge
