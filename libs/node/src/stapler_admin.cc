#include "muster/node/stapler_admin.h"

#include "admin_desk.h"
#include "listeners.h"
#include "muster/base/mutex.h"
#include "muster/base/prometheus.h"
#include "muster/stapler/metrics.h"

namespace muster::node {
namespace {

using ReportPointer = std::shared_ptr<const stapler::StatusReport>;

}  // namespace

struct StaplerAdmin::Impl final : AdminActions {
  Impl(AdminOptions o, Reload r, const Clock& c, Logger& l)
      : options(std::move(o)), read_again(std::move(r)), clock(c), desk(*this, options, c, l) {}

  NodeResult<Unit> begin() {
    MUSTER_TRY(ListenerFiles files, load_admin(options, "stapler.admin"));
    return desk.listen(std::move(files));
  }

  [[nodiscard]] ReportPointer newest() {
    const MutexLock lock(published);
    return report;
  }

  // AdminActions: called by threads of the admin listener.
  [[nodiscard]] std::string_view program() const override { return "stapler"; }

  Readiness readiness() override {
    Readiness out;
    const ReportPointer known = newest();
    const UnixSeconds now = clock.now();
    const Seconds age = known ? now - known->written : Seconds(0);
    const bool is_heard = known && age <= stapler::kStatusTooOld;
    out.checks.push_back({"stapler", "", is_heard,
                          !known     ? "it has not reported yet"
                          : is_heard ? ""
                                     : "it last reported " + format_duration(age) +
                                           " ago: it hangs (a disk that does not answer?)"});
    out.checks.push_back({"first-round", "", is_ready.load(),
                          is_ready ? "" : "the first round of questions is under way"});
    if (known) {
      add_staples(stapler::judged_at(*known, now), out);
    }
    desk.add_draining(out);
    return out;
  }

  /// One certificate that its CA forgot keeps nobody from having the staples of the others.
  static void add_staples(const stapler::StatusReport& known, Readiness& out) {
    std::size_t needed = 0, uncovered = 0;
    std::string first;
    for (const keeper::CertificateStatus& c : known.certificates) {
      needed += c.state == keeper::CertificateState::kNotNeeded ? 0U : 1U;
      if (c.state == keeper::CertificateState::kNotNeeded || keeper::is_covered(c.state)) {
        continue;
      }
      ++uncovered;
      if (first.empty()) {
        first = c.name + ": " + std::string(to_string(c.state)) +
                (c.last_error.empty() ? "" : ", " + c.last_error);
      }
    }
    out.checks.push_back({"staples", "", needed == 0 || uncovered != needed,
                          uncovered == 0
                              ? ""
                              : std::to_string(uncovered) + " of " + std::to_string(needed) +
                                    " certificates have none, the first of them " + first});
    if (!known.disk_error.empty()) {
      out.checks.push_back({"shelf", "", true, known.disk_error});
    }
  }

  std::string metrics() override {
    const MetricsInput process = desk.figures();
    PrometheusText head, tail;
    add_process(head, process);
    add_listeners(tail, process);
    const ReportPointer known = newest();
    return head.take() +
           (known ? stapler::render_metrics(stapler::judged_at(*known, process.now), process.now)
                  : std::string()) +
           tail.take();
  }

  NodeResult<ReloadReport> reload() override {
    auto done = read_again();
    desk.note(done);
    return done;
  }

  void drain() override { desk.set_draining(); }

  const AdminOptions options;
  const Reload read_again;
  const Clock& clock;
  std::atomic<bool> is_ready{false};
  Mutex published;
  ReportPointer report MUSTER_GUARDED_BY(published);
  AdminDesk desk;
};

NodeResult<std::unique_ptr<StaplerAdmin>> StaplerAdmin::start(const AdminOptions& options,
                                                              Reload reload, const Clock& clock,
                                                              Logger& logger) {
  auto impl = std::make_unique<Impl>(options, std::move(reload), clock, logger);
  MUSTER_CHECK(impl->begin());
  return std::unique_ptr<StaplerAdmin>(new StaplerAdmin(std::move(impl)));
}

StaplerAdmin::StaplerAdmin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StaplerAdmin::~StaplerAdmin() { stop(); }

const std::vector<std::string>& StaplerAdmin::addresses() const { return impl_->desk.addresses(); }
void StaplerAdmin::publish(std::shared_ptr<const stapler::StatusReport> report) {
  const MutexLock lock(impl_->published);
  impl_->report = std::move(report);
}
void StaplerAdmin::set_ready() { impl_->is_ready = true; }
void StaplerAdmin::stop() {
  impl_->desk.set_draining();
  impl_->desk.stop();
}

}  // namespace muster::node
