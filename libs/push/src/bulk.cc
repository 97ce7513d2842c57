#include <algorithm>

#include "api_impl.h"
#include "muster/base/text.h"

namespace muster::push {
namespace {

/// Which results are told.
enum class Tell : std::uint8_t { kAll, kFailed };
struct BulkOptions {
  Together together = Together::kEach;
  Tell tell = Tell::kAll;
};

ApiResult<BulkOptions> parse_options(std::string_view query) {
  BulkOptions options;
  for (const std::string_view item : split(query, '&')) {
    if (item == "atomic=true") {
      options.together = Together::kAllOrNone;
    } else if (item == "results=failed") {
      options.tell = Tell::kFailed;
    } else if (!item.empty() && item != "atomic=false" && item != "results=all") {
      return Err{ApiError{
          400, "bad_request",
          "'" + printable(item.substr(0, 40)) + "': there are atomic=true and results=failed"}};
    }
  }
  return options;
}

class BulkImpl final : public Bulk {
 public:
  BulkImpl(Api::Impl& api, const Client& client, const Issuer& issuer, const BulkOptions& options)
      : api_(api), client_(client), issuer_(issuer), options_(options) {}

  /// Here, since a connection that breaks off ends us without finish().
  ~BulkImpl() override {
    if (changed_ > Journal::kMostBulkLines) {
      api_.journal->bulk_changed(client_.name, issuer_.label, not_told_, sequence_);
    }
  }
  BulkImpl(const BulkImpl&) = delete;
  BulkImpl& operator=(const BulkImpl&) = delete;

  [[nodiscard]] bool is_atomic() const override {
    return options_.together == Together::kAllOrNone;
  }
  [[nodiscard]] bool is_over() const override { return over_.has_value(); }

  std::string feed(Bytes octets, UnixSeconds now) override {
    std::string_view text = as_text(octets);
    while (!text.empty() && !over_) {
      const std::size_t end = text.find('\n');
      const std::string_view piece = text.substr(0, end);
      if (rest_.size() + piece.size() > api_.limits.max_body_bytes) {
        stop({413, "too_large",
              "line " + std::to_string(lines_ + 1) + " is longer than " +
                  std::to_string(api_.limits.max_body_bytes) + " octets"},
             now);
        break;
      }
      rest_ += piece;
      if (end == std::string_view::npos) {
        break;
      }
      text.remove_prefix(end + 1);
      take_line(now);
    }
    return is_atomic() ? std::string()
                       : std::exchange(out_, {});  // nothing is final before all lines are known
  }

  Reply finish(UnixSeconds now) override {
    if (!over_ && !trim(rest_).empty()) {
      take_line(now);
    }
    // Lines before the one that could not be read are carried out, unless all were to be.
    if (!over_ || !is_atomic()) {
      commit(now);
    }
    Reply reply;
    reply.content_type = "application/x-ndjson";
    reply.headers = "Cache-Control: no-store\r\n";
    nlohmann::ordered_json summary{{"lines", lines_},
                                   {"changed", changed_},
                                   {"unchanged", unchanged_},
                                   {"failed", failed_},
                                   {"sequence", sequence_}};
    if (over_) {
      reply.status = over_->status;
      summary["error"] = over_->code;
      summary["detail"] = over_->detail;
    } else if (is_atomic() && failed_ != 0) {
      reply.status = 409;
      summary["error"] = "nothing_done";
      summary["detail"] = "some lines cannot be carried out, so none was";
    }
    reply.body = std::exchange(out_, {}) + dump({{"summary", std::move(summary)}}) + "\n";
    return reply;
  }

 private:
  struct Pending {
    std::uint64_t line;
    Operation operation;
  };

  void take_line(UnixSeconds now) {
    const std::string text = std::exchange(rest_, {});
    ++lines_;
    if (trim(text).empty()) {
      return;
    }
    auto operation = parse_operation(text, std::nullopt, issuer_, api_.limits, now);
    if (operation) {
      if (const auto allowed = check_permission(client_, operation->kind); !allowed) {
        operation = Err{allowed.error()};
      }
    }
    bytes_ += text.size();
    ++operations_;
    if (is_atomic() &&
        (operations_ > api_.limits.max_atomic_lines || bytes_ > api_.limits.max_atomic_bytes)) {
      stop(
          {413, "too_large",
           "an all-or-nothing request has at most " + std::to_string(api_.limits.max_atomic_lines) +
               " lines and " + std::to_string(api_.limits.max_atomic_bytes) + " octets"},
          now);
      return;
    }
    if (!operation) {
      if (!is_atomic()) {
        commit(now);  // results come in the order of the lines
      }
      fail_line(lines_, operation.error(), now);
      return;
    }
    pending_.push_back({lines_, *operation});
    if (!is_atomic() && pending_.size() >= api_.limits.batch_lines) {
      commit(now);
    }
  }

  void commit(UnixSeconds now) {
    if (pending_.empty()) {
      return;
    }
    const std::vector<Pending> batch = std::exchange(pending_, {});
    if (is_atomic() && failed_ != 0) {
      return;  // a line that could not even be read
    }
    std::vector<Operation> operations;
    operations.reserve(batch.size());
    for (const Pending& one : batch) {
      operations.push_back(one.operation);
    }
    const auto applied = api_.engine.apply(issuer_.id, operations, options_.together, now);
    if (!applied) {
      const ApiError error = error_of(applied.error());
      for (const Pending& one : batch) {
        fail_line(one.line, error, now);
      }
      if (!over_) {
        over_ = error;  // the next batch would fail the same way; the caller tries again from here
      }
      return;
    }
    sequence_ = std::max(sequence_, applied->sequence);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      tell(batch[i], applied->decisions[i], *applied, now);
    }
  }

  void tell(const Pending& one, const Decision& decision, const Applied& applied, UnixSeconds now) {
    const bool failed = status_of(decision.verdict) != 200;
    if (failed) {
      ++failed_;
      api_.report_conflict(client_, issuer_, one.operation, decision, now);
    } else if (applied.is_refused) {
      return;  // it would have been done; the summary says that nothing was
    } else if (decision.verdict == Verdict::kUnchanged) {
      ++unchanged_;
    } else if (++changed_ <= Journal::kMostBulkLines) {
      api_.journal->changed(client_.name, issuer_.label, one.operation, decision, applied.sequence);
    } else {
      ++not_told_.at(static_cast<std::size_t>(one.operation.kind));
    }
    api_.count(decision.verdict);
    if (failed || options_.tell == Tell::kAll) {
      nlohmann::ordered_json line{{"line", one.line}};
      line.update(result_json(one.operation, decision, applied.sequence));
      out_ += dump(line) + "\n";
    }
  }

  void fail_line(std::uint64_t number, const ApiError& error, UnixSeconds now) {
    ++failed_;
    api_.refuse({client_.name, issuer_.label, "line " + std::to_string(number)}, error, now);
    nlohmann::ordered_json line{{"line", number}};
    line.update(to_json(error));
    out_ += dump(line) + "\n";
  }

  void stop(ApiError error, UnixSeconds now) {
    api_.refuse({client_.name, issuer_.label, "bulk"}, error, now);
    over_ = std::move(error);
    rest_.clear();
  }

  Api::Impl& api_;
  const Client& client_;
  const Issuer& issuer_;
  const BulkOptions options_;
  std::string rest_;  // a line that has begun
  std::vector<Pending> pending_;
  std::string out_;
  std::optional<ApiError> over_;
  std::array<std::uint64_t, kOperationKinds> not_told_{};  // to the journal one by one
  std::uint64_t lines_ = 0, changed_ = 0, unchanged_ = 0, failed_ = 0, sequence_ = 0;
  std::size_t operations_ = 0, bytes_ = 0;  // lines that are not empty, readable or not
};

}  // namespace

Result<std::unique_ptr<Bulk>, Reply> make_bulk(Api::Impl& api, const Client& client,
                                               std::string_view label, std::string_view query,
                                               UnixSeconds now) {
  const auto issuer = api.find_issuer(client, label);
  const auto options = parse_options(query);
  if (!issuer || !options) {
    const ApiError& error = !issuer ? issuer.error() : options.error();
    api.refuse({client.name, printable(label.substr(0, 80)), "bulk"}, error, now);
    return Err{reply_of(error)};
  }
  return std::unique_ptr<Bulk>(std::make_unique<BulkImpl>(api, client, **issuer, *options));
}

}  // namespace muster::push
