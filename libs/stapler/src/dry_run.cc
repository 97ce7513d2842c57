#include "muster/stapler/dry_run.h"

#include <algorithm>

#include "columns.h"
#include "muster/base/text.h"
#include "muster/stapler/render.h"
#include "pauses.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string join(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : between) + word;
  }
  return out;
}

/// What would be done to a file so that it holds this; nothing: no file.
std::string file_change(const std::string& path, const std::optional<Buffer>& content) {
  const auto present = read_file(path, kMaxFileBytes);
  if (!content) {
    return present ? "remove " + path : "";
  }
  if (present && equal(*present, *content)) {
    return "leave " + path + " as it is";
  }
  return (present ? "replace " : "write ") + path + " (" + std::to_string(content->size()) +
         " octets)";
}

/// How a server would be told.
std::string telling(const TargetOptions& target, const TargetRow& row) {
  if (!target.socket.empty()) {
    return "tell " + std::string(row.server) + " at " + target.socket;
  }
  if (target.kind == TargetKind::kExec) {
    return "run " + join(target.command, " ");
  }
  const std::string reload =
      target.reload.empty() ? std::string(row.reload) : join(target.reload, " ");
  return reload.empty() ? "" : "run " + reload;
}

class DryRun {
 public:
  DryRun(const DryRunInput& input, UnixSeconds now)
      : input_(input),
        now_{now, MonotonicTime(std::chrono::hours(1))},
        plan_(plan_for(input.keeper.plan, input.targets), 0) {
    const auto loaded = Pauses::load(input.directory);
    if (loaded) {
      paused_ = loaded->in_force();
    } else {
      out_ += "problem: " + printable(loaded.error()) + '\n';
    }
  }

  std::string text() {
    for (const InventoryEntry& entry : input_.inventory.entries) {
      width_ =
          std::min<std::size_t>(40, std::max(width_, printable(entry.watched.subject.name).size()));
    }
    out_ += pad("CERTIFICATE", width_) +
            "  STATE                HELD UNTIL            ASKED NEXT  WHERE, OR WHY NOT\n";
    for (const InventoryEntry& entry : input_.inventory.entries) {
      add_certificate(entry.watched);
    }
    std::string targets;
    for (const InventoryEntry& entry : input_.inventory.entries) {
      add_out_file(entry, targets);
    }
    for (const TargetOptions& target : input_.targets) {
      add_target(target, targets);
    }
    if (!targets.empty()) {
      out_ += '\n' + pad("TARGET", 16) + "  " + pad("CERTIFICATE", width_) +
              "  WHAT WOULD BE DONE WITH WHAT IS HELD\n" + targets;
    }
    for (const std::string& problem : input_.inventory.problems) {
      out_ += "problem: " + printable(problem) + '\n';
    }
    out_ += "nothing was changed, and nobody was asked\n";
    return std::move(out_);
  }

 private:
  [[nodiscard]] keeper::StaplePointer offered(const keeper::Subject& subject) const {
    return input_.shelf.find(subject.certificate.fingerprint(), now_.wall);
  }

  void add_certificate(const keeper::Watched& watched) {
    const keeper::Fingerprint id = watched.subject.certificate.fingerprint();
    const keeper::Applicability applies = keeper::judge_applicability(watched, input_.keeper);
    const keeper::StaplePointer held = input_.shelf.held(id);
    const auto facts = held ? std::optional(held->facts) : std::nullopt;
    std::string state(to_string(
        applies.urls.empty()
            ? keeper::CertificateState::kNotNeeded
            : keeper::judge_state(facts ? &*facts : nullptr, input_.shelf.held_back(id) != nullptr,
                                  watched.subject.certificate.not_after(), now_.wall)));
    state += input_.shelf.pin_of(id) ? " (pinned)" : "";
    std::string next = "never", where = applies.reason;
    if (paused_.all || paused_.certificates.contains(id)) {
      next = "paused";
    } else if (!applies.urls.empty()) {
      const pki::Certificate& certificate = watched.subject.certificate;
      plan_.add(id, {applies.urls, certificate.not_before(), certificate.not_after()}, facts, now_);
      const auto due = plan_.view(id, now_).next_due;
      const bool is_now = due && *due <= now_.wall;
      next = !due ? "never" : is_now ? "at once" : "in " + format_duration(*due - now_.wall);
    }
    if (!applies.urls.empty()) {
      where = join(applies.urls, ", ");
    }
    const bool live = facts && facts->usable_at(now_.wall);
    out_ += pad(watched.subject.name, width_) + "  " + pad(state, 19) + "  " +
            pad(live ? format_iso8601(facts->expires) : "-", 20) + "  " + pad(next, 10) + "  " +
            printable(where) + '\n';
  }

  void add_line(std::string& to, const std::string& target, const std::string& certificate,
                const std::string& what) const {
    to += pad(target, 16) + "  " + pad(certificate, width_) + "  " + printable(what) + '\n';
  }

  void add_out_file(const InventoryEntry& entry, std::string& to) const {
    if (entry.output.empty()) {
      return;
    }
    const keeper::StaplePointer staple = offered(entry.watched.subject);
    const std::string what =
        file_change(entry.output, staple ? std::optional(to_buffer(staple->der())) : std::nullopt);
    add_line(to, "(file)", entry.watched.subject.name,
             what.empty() ? "nothing: there is no staple yet" : what);
  }

  void add_target(const TargetOptions& target, std::string& to) const {
    const TargetRow& row = row_of(target.kind);
    const std::vector<TargetSubject> subjects = target_subjects(input_.inventory);
    for (const TargetSubject& subject : subjects) {
      if (find_served(target, subjects, subject) == nullptr) {
        continue;
      }
      keeper::StaplePointer staple = offered(subject.subject);
      std::string what;
      if (const auto obstacle = staple ? find_obstacle(row, *staple, now_.wall) : std::nullopt) {
        what = "withhold it: " + *obstacle;
        staple.reset();
      }
      const auto also = [&what](const std::string& more) {
        what += (what.empty() || more.empty() ? "" : "; ") + more;
      };
      if (const std::string file = expand_template(target.file, subject); !file.empty()) {
        also(file_change(file, render(target, subject, staple)));
      }
      if (!expand_template(target.snippet, subject).empty()) {
        also("name it in " + expand_template(target.snippet, subject));
      }
      if (staple) {
        also(telling(target, row));
      }
      add_line(to, target.name, subject.subject.name,
               what.empty() ? "nothing: there is no staple yet" : what);
    }
  }

  const DryRunInput& input_;
  const keeper::Instant now_;
  keeper::Plan plan_;
  keeper::Keeper::Pause paused_;
  std::size_t width_ = 11;
  std::string out_;
};

}  // namespace

std::string render_dry_run(const DryRunInput& input, UnixSeconds now) {
  return DryRun(input, now).text();
}

}  // namespace muster::stapler
