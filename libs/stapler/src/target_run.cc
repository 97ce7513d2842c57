#include "target_run.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::stapler {
namespace {

/// Nobody waits longer for a server that looks at its files seldom.
constexpr Seconds kLongestSettling{30};

}  // namespace

TargetRun::TargetRun(TargetWorld world, TargetOptions options)
    : world_(std::move(world)),
      options_(std::move(options)),
      row_(row_of(options_.kind)),
      carrier_(make_carrier(world_.loop, world_.clock, options_)) {}

template <class Action>
void TargetRun::for_each(Action action) const {
  for (const auto& [id, item] : items_) {
    action(id, item);
  }
  for (const auto& [id, item] : leftovers_) {
    action(id, item);
  }
}

TargetRun::Holders TargetRun::holders() const {
  Holders out;
  for_each([&out](const keeper::Fingerprint&, const TargetItemPointer& item) {
    if (!item->paths.file.empty()) {
      out.emplace(item->paths.file, item);
    }
  });
  return out;
}

/// The item of before with these files, taken out of where it was.
TargetItemPointer TargetRun::find_same(Items& before, const keeper::Fingerprint& id,
                                       const TargetPaths& paths) {
  if (const auto known = before.find(id); known != before.end() && known->second->paths == paths) {
    return before.extract(known).mapped();
  }
  const auto [begin, end] = leftovers_.equal_range(id);
  const auto back =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second->paths == paths; });
  return back == end ? nullptr : leftovers_.extract(back).mapped();
}

std::optional<std::string> TargetRun::add(Items& before, const Holders& held_before,
                                          const TargetSubject& subject,
                                          std::set<std::string>& taken) {
  const std::string& name = subject.subject.name;
  const TargetPaths paths = paths_of(options_, subject);
  const std::string about = "target '" + options_.name + "': certificate '" + name + "': ";
  for (const std::string* path : {&paths.file, &paths.snippet}) {
    if (!path->empty() && taken.contains(*path)) {
      return about + "another certificate of the inventory is written to '" + *path +
             "' already (put {name} into the path)";
    }
  }
  if (const auto problem = find_path_problem(options_, subject, paths)) {
    return about + *problem;
  }
  for (const std::string* path : {&paths.file, &paths.snippet}) {
    if (!path->empty()) {
      taken.insert(*path);
    }
  }
  const keeper::Fingerprint& id = subject.subject.certificate.fingerprint();
  if (auto known = find_same(before, id, paths)) {
    known->subject = subject;
    known->is_leftover = false;
    known->has_successor = false;
    items_.emplace(id, std::move(known));
    return std::nullopt;
  }
  auto item = std::make_shared<TargetItem>(TargetItem{.subject = subject, .paths = paths});
  const auto holder = held_before.find(paths.file);
  if (holder != held_before.end() &&
      holder->second->subject.subject.certificate.fingerprint() != id) {
    const TargetItem& old = *holder->second;
    item->held_until = old.held_until;
    item->held_for = old.held_for;
    // What was revoked or withdrawn before is ended, not waited out.
    const bool is_good = old.wanted && old.wanted->facts.status == keeper::StapleStatus::kGood;
    for (const auto& staple : {old.pushed, old.in_file}) {
      if (staple) {
        const UnixSeconds end = is_good ? staple->facts.expires : world_.clock.now();
        item->held_for.insert(old.subject.subject.certificate.fingerprint());
        item->held_until = std::max(item->held_until.value_or(UnixSeconds::min()), end);
      }
    }
  }
  for (const std::string& address : options_.probe) {
    item->ports.push_back({.address = address});
  }
  items_.emplace(id, std::move(item));
  return std::nullopt;
}

void TargetRun::leave(const keeper::Fingerprint& id, const TargetItemPointer& item,
                      const std::set<std::string>& taken, bool has_successor) {
  item->is_leftover = true;
  item->has_successor = has_successor;
  const bool lost_file = taken.contains(item->paths.file);
  if (taken.contains(item->paths.snippet)) {
    item->paths.snippet.clear();
  }
  if (lost_file) {
    // Its file is about another certificate now, and so is what the server is told at its end. A
    // snippet of its own must not name that file any longer.
    item->paths.file.clear();
    item->in_file = nullptr;
    const FilesOutcome off = write_files(options_, item->subject, item->paths, nullptr);
    if (!off.why_not.empty()) {
      world_.logger.log(LogLevel::kError, "target.leftover", off.why_not,
                        {{"target", options_.name}, {"certificate", item->subject.subject.name}});
    }
    // Of this one a server can be told by a socket alone, which goes by certificates and not by
    // files.
    if (options_.socket.empty() || has_successor || (!item->pushed && !item->carrying)) {
      return;
    }
  }
  if (!item->is_empty()) {
    leftovers_.emplace(id, item);
  }
}

void TargetRun::review_leftovers(const std::set<std::string>& taken,
                                 const std::function<bool(const keeper::Subject&)>& has_successor) {
  for (auto& [id, item] : std::exchange(leftovers_, {})) {
    leave(id, item, taken, has_successor(item->subject.subject));
  }
}

std::vector<std::string> TargetRun::set_certificates(const std::vector<TargetSubject>& subjects) {
  std::vector<std::string> problems;
  std::set<std::string> taken;
  const Holders held_before = holders();
  Items before = std::exchange(items_, {});
  for (const TargetSubject& subject : subjects) {
    const TargetSubject* const served = find_served(options_, subjects, subject);
    if (served == nullptr) {
      continue;
    }
    TargetSubject here{subject.subject, subject.path};
    if (served != &subject) {
      here.served_with = served->subject.certificate;
    }
    if (auto problem = add(before, held_before, here, taken)) {
      problems.push_back(*std::move(problem));
    }
  }
  if (items_.empty()) {
    problems.push_back("target '" + options_.name + "' is for no certificate of the inventory");
  }
  const auto is_here = [this](const keeper::Subject& subject) { return has(subject); };
  review_leftovers(taken, is_here);
  for (const auto& [id, item] : before) {
    leave(id, item, taken, is_here(item->subject.subject));
  }
  return problems;
}

void TargetRun::retire(const std::set<std::string>& taken, const TargetRun* successor) {
  const auto is_there = [successor](const keeper::Subject& subject) {
    return successor != nullptr && successor->has(subject);
  };
  review_leftovers(taken, is_there);
  for (const auto& [id, item] : std::exchange(items_, {})) {
    leave(id, item, taken, is_there(item->subject.subject));
  }
}

void TargetRun::add_paths(std::set<std::string>& out) const {
  for (const auto& [id, item] : items_) {
    out.insert(item->paths.file);
    out.insert(item->paths.snippet);
  }
  out.erase("");
}

bool TargetRun::has(const keeper::Subject& subject) const {
  return items_.contains(subject.certificate.fingerprint()) ||
         (options_.kind == TargetKind::kExec &&
          std::any_of(items_.begin(), items_.end(), [&subject](const auto& item) {
            return item.second->subject.subject.name == subject.name;
          }));
}

void TargetRun::tick() {
  for (const auto& [id, item] : items_) {
    tick_item(item);
    put_back(item);
    const MonotonicTime now = world_.clock.monotonic();
    for (std::size_t i = 0; i < item->ports.size(); ++i) {
      if (item->ports[i].due <= now && !item->ports[i].asking) {
        look(item, i);
      }
    }
  }
  for (auto at = leftovers_.begin(); at != leftovers_.end();) {
    tick_item(at->second);
    at = at->second->is_empty() ? leftovers_.erase(at) : std::next(at);
  }
}

TargetStatus TargetRun::status_of(const TargetItem& item) const {
  TargetStatus out;
  out.target = options_.name;
  out.kind = row_.word;
  out.certificate = item.subject.subject.name;
  out.must_staple = must_staple(item);
  out.delivery = item.delivery;
  out.reason = item.reason;
  out.wanted_generation = item.generation;
  out.pushed_generation = item.pushed_generation;
  out.pushed_at = item.pushed_at;
  if (item.pushed) {
    out.pushed_expires = item.pushed->facts.expires;
  }
  bool all_serve = !item.ports.empty();
  for (const TargetPort& port : item.ports) {
    out.ports.push_back({port.address, port.finding.state, port.finding.detail, port.looked_at});
    all_serve = all_serve && port.finding.state == ReadBack::kServed;
  }
  out.observed_generation = all_serve ? item.pushed_generation : 0;
  return out;
}

TargetStatus TargetRun::judged_status_of(const TargetItem& item) const {
  TargetStatus status = status_of(item);
  status.severity = judge_severity(status, row_, world_.clock.now());
  return status;
}

void TargetRun::add_status(std::vector<TargetStatus>& out) const {
  for (const auto& [id, item] : items_) {
    out.push_back(judged_status_of(*item));
  }
}

void TargetRun::add_status_of(const keeper::Fingerprint& certificate,
                              std::vector<TargetStatus>& out) const {
  if (const auto item = items_.find(certificate); item != items_.end()) {
    out.push_back(judged_status_of(*item->second));
  }
}

bool TargetRun::settled() const {
  const UnixSeconds now = world_.clock.now();
  bool all = true;
  for_each([&](const keeper::Fingerprint&, const TargetItemPointer& item) {
    const bool had_its_time =
        !item->pushed_at || now >= *item->pushed_at + std::min(row_.settle, kLongestSettling);
    all =
        all && !item->carrying &&
        (had_its_time || item->is_leftover ||
         std::all_of(item->ports.begin(), item->ports.end(), [](const TargetPort& port) {
           return port.finding.state == ReadBack::kServed || port.finding.state == ReadBack::kOther;
         }));
  });
  return all;
}

}  // namespace muster::stapler
