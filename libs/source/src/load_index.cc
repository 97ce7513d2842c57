#include "load_parts.h"
#include "muster/source/index_txt.h"

namespace muster::source {
namespace {

constexpr std::size_t kPieceOctets = std::size_t{256} << 10;

SourceError line_error(const std::string& path, const IndexError& error) {
  return {SourceErrc::kMalformed,
          path + ": line " + std::to_string(error.line) + ": " +
              std::string(to_string(error.code)) +
              " (the records known before stay in force; correct the file)"};
}

/// Parses the whole file from its start.
Result<Unit, SourceError> read_index(const OpenFile& file, const std::string& path,
                                     const std::stop_token& stop, IndexParser& parser) {
  Buffer piece(kPieceOctets);
  for (std::uint64_t at = 0; !parser.stopped();) {
    MUSTER_TRY(const std::size_t got, read_piece(file, path, at, piece, stop));
    if (got == 0) {
      break;
    }
    at += got;
    if (const auto fed = parser.feed(as_text(Bytes(piece).first(got))); !fed) {
      return Err{line_error(path, fed.error())};
    }
  }
  if (const auto finished = parser.finish(); !finished) {
    return Err{line_error(path, finished.error())};
  }
  return Unit{};
}

/// A revocation yet to come, signed as it stands, would vouch for signatures made until then.
SourceError ahead_error(const std::string& path, std::size_t line, const IndexRecord& record) {
  return source_error(SourceErrc::kNotYetValid, path,
                      "line " + std::to_string(line) + ": serial " + record.serial.to_hex() +
                          " is revoked since " + format_iso8601(*record.status.revoked_at) +
                          ", which lies ahead (the records known before stay in force; correct the "
                          "line, or the clock of this machine or the CA's)");
}

/// Says where the two entries are that contradict each other: reads the file once more, for this
/// error only.
SourceError conflict_error(const OpenFile& file, const SourceSpec& spec,
                           const std::stop_token& stop, const Serial& serial) {
  std::string lines;
  std::size_t found = 0;
  IndexParser parser([&](const IndexRecord& record, std::size_t line) {
    if (record.serial == serial && ++found <= 8) {
      lines += (lines.empty() ? "" : ", ") + std::to_string(line);
    }
    return true;
  });
  (void)!read_index(file, spec.path, stop, parser);
  return source_error(
      SourceErrc::kConflict, spec.path,
      "lines " + lines + " give serial " + serial.to_hex() +
          " different status (the records known before stay in force; keep the right line)");
}

}  // namespace

Result<LoadReport, SourceError> load_index(store::Store& store, const SourceSpec& spec,
                                           const LoadOptions& options) {
  if (options.before_open_for_test) {
    options.before_open_for_test(spec.path);
  }
  MUSTER_TRY(const OpenFile file, open_file(spec.path));
  MUSTER_TRY(const store::IssuerState before, known_facts(store, spec.id));
  store::ReplacementOptions replacing;
  replacing.duplicates = store::Duplicates::kRefuseConflict;
  const bool gives_up = options.missing == LoadOptions::Missing::kGivenUp;
  replacing.take = keep_records(options.now, gives_up ? Silence::kGivesUp : Silence::kSaysNothing);
  auto begun = store.begin_replacement(spec.id, std::move(replacing));
  if (!begun) {
    return Err{store_error(begun.error())};
  }
  store::Replacement& replacement = **begun;

  std::optional<SourceError> refused;
  std::uint64_t records = 0;
  IndexParser parser([&](const IndexRecord& record, std::size_t line) {
    ++records;
    if (record.status.revoked_at > options.now + options.future_skew) {
      refused = ahead_error(spec.path, line, record);
    } else if (const auto put = replacement.put(record.serial, record.status); !put) {
      refused = store_error(put.error());
    }
    return !refused;
  });
  MUSTER_CHECK(read_index(file, spec.path, options.stop, parser));
  if (refused) {
    return Err{*refused};
  }
  MUSTER_CHECK(check_unchanged(file, spec.path));
  if (records == 0 && before.records != 0 && !gives_up) {
    return Err{source_error(SourceErrc::kEmptied, spec.path,
                            "it has no records, but " + std::to_string(before.records) +
                                " were known, which stay in force (restore the file; to give them "
                                "up on purpose: 'muster store import --allow-missing', or a "
                                "restart where the store is a temporary one)")};
  }
  store::IssuerState facts;
  facts.label = spec.label;
  facts.knows_issued = store::KnowsIssued::kYes;
  facts.loaded_at = options.now;
  const auto sequence = replacement.commit(facts);
  if (!sequence) {
    if (const auto conflict = replacement.conflict();
        conflict && sequence.error().code == store::StoreErrc::kBadChange) {
      return Err{conflict_error(file, spec, options.stop, *conflict)};
    }
    return Err{store_error(sequence.error())};
  }
  return LoadReport{file.stamp, *sequence, replacement.report()};
}

}  // namespace muster::source
