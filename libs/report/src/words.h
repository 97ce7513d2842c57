#pragma once

#include "muster/client/report.h"
#include "screen.h"

namespace muster::report {

inline Ink ink_of(client::Outcome outcome) {
  switch (outcome) {
    case client::Outcome::kGood:
    case client::Outcome::kNotNeeded:
      return Ink::kGreen;
    case client::Outcome::kWarning:
    case client::Outcome::kUndetermined:
      return Ink::kYellow;
    case client::Outcome::kUnreadable:
    case client::Outcome::kUnknown:
    case client::Outcome::kUnacceptable:
    case client::Outcome::kRevoked:
      break;
  }
  return Ink::kRed;
}

}  // namespace muster::report
