#include <algorithm>

#include "fuzz.h"
#include "starttls.h"

// What a hostile server says before TLS. The first octet chooses the protocol, the rest is fed
// octet by octet; what the machine does with that is then what it does however the same messages
// are cut. All limits hold.
namespace muster::probe {
namespace {

struct Outcome {
  std::string said;
  bool ready = false;
  std::optional<ProbeErrc> error;
  std::vector<std::size_t> turns;  ///< behind which octets the client spoke
};

std::unique_ptr<StartTls> machine_for(Protocol protocol) {
  auto machine = make_starttls(protocol, {"mail.example", "[192.0.2.1]"});
  machine->begin();
  return machine;
}

void take(StartTls& machine, Bytes octets, std::size_t behind, Outcome& outcome) {
  const auto step = machine.take(octets);
  MUSTER_ASSERT(!machine.awaited().empty());
  if (!step) {
    outcome.error = step.error().code;
    MUSTER_ASSERT(step.error().detail.size() < 2048);
    MUSTER_ASSERT(std::none_of(step.error().detail.begin(), step.error().detail.end(),
                               [](char c) { return static_cast<unsigned char>(c) < ' '; }));
    return;
  }
  outcome.said += step->send;
  outcome.ready = step->ready;
  if (step->ready || !step->send.empty()) {
    outcome.turns.push_back(behind);
  }
}

bool is_over(const Outcome& outcome) { return outcome.ready || outcome.error; }

Outcome octet_by_octet(Protocol protocol, Bytes input) {
  Outcome outcome;
  const auto machine = machine_for(protocol);
  for (std::size_t i = 0; i < input.size() && !is_over(outcome); ++i) {
    MUSTER_ASSERT(i < kMaxStartTlsOctets + 1);
    take(*machine, input.subspan(i, 1), i + 1, outcome);
  }
  return outcome;
}

/// What came between two words of the client in one piece.
Outcome message_by_message(Protocol protocol, Bytes input, const std::vector<std::size_t>& turns) {
  Outcome outcome;
  const auto machine = machine_for(protocol);
  std::size_t from = 0;
  for (const std::size_t turn : turns) {
    take(*machine, input.subspan(from, turn - from), turn, outcome);
    MUSTER_ASSERT(!outcome.error);
    from = turn;
  }
  if (!is_over(outcome) && from < input.size()) {
    take(*machine, input.subspan(from), input.size(), outcome);
  }
  return outcome;
}

}  // namespace
}  // namespace muster::probe

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  using namespace muster::probe;
  if (size == 0) {
    return 0;
  }
  constexpr auto kFirst = static_cast<std::uint8_t>(Protocol::kSmtp);
  const auto count = static_cast<std::uint8_t>(all_protocols().size() - kFirst);
  const auto protocol = static_cast<Protocol>(kFirst + data[0] % count);
  const Bytes input = Bytes(data, size).subspan(1);
  const Outcome apart = octet_by_octet(protocol, input);
  const Outcome together = message_by_message(protocol, input, apart.turns);
  MUSTER_ASSERT(apart.said == together.said);
  MUSTER_ASSERT(apart.ready == together.ready);
  MUSTER_ASSERT(apart.error.has_value() == together.error.has_value());
  if (apart.ready) {  // anything behind the go-ahead is refused when it comes with it
    Buffer more = to_buffer(input.first(apart.turns.back()));
    more.push_back('x');
    std::vector<std::size_t> turns = apart.turns;
    turns.pop_back();
    const Outcome injected = message_by_message(protocol, more, turns);
    MUSTER_ASSERT(injected.error == ProbeErrc::kInjected || injected.error == ProbeErrc::kTooLarge);
  }
  return 0;
}
