#include "muster/responder/batch.h"

namespace muster::responder {
namespace {

constexpr der::Tag kEnd = der::context_constructed(0);

der::DerResult<BatchItemView> read_item(der::Reader in) {
  BatchItemView item;
  MUSTER_TRY(item.cert_id, ocsp::read_cert_id(in));
  if (in.at_end()) {
    return item;
  }
  const std::uint32_t at = in.offset();
  MUSTER_TRY(item.have, in.read(der::Tag::kOctetString, "have"));
  if (item.have.size() != kBatchTagBytes) {
    return Err{der::DerError{der::DerErrc::kBadValue, at, "have"}};
  }
  MUSTER_CHECK(in.finish("BatchItem"));
  return item;
}

void append(Buffer& out, der::Writer& writer) {
  out.insert(out.end(), writer.bytes().begin(), writer.bytes().end());
}

}  // namespace

std::string to_string(const BatchError& error) {
  const std::string which = "item " + std::to_string(error.item) + ": ";
  switch (error.code) {
    case BatchErrc::kSyntax:
      return which + der::to_string(error.der);
    case BatchErrc::kTooMany:
      return which + "more than may be asked about in one call; use several";
    case BatchErrc::kTooLong:
      return which + "longer than " + std::to_string(kMaxBatchItemBytes) + " octets";
    case BatchErrc::kEmpty:
      break;
  }
  return "nothing is asked: the body is empty";
}

Result<std::vector<BatchItemView>, BatchError> parse_batch(Bytes body, std::size_t max_items) {
  std::vector<BatchItemView> items;
  der::Reader in(body);
  while (!in.at_end()) {
    const der::Reader start = in;
    const auto fail = [&](BatchErrc code, der::DerError why = {}) {
      return Err{BatchError{code, items.size(), why}};
    };
    if (items.size() == max_items) {
      return fail(BatchErrc::kTooMany);
    }
    const auto inside = in.enter(der::Tag::kSequence, "BatchItem");
    if (!inside) {
      return fail(BatchErrc::kSyntax, inside.error());
    }
    if (in.consumed_since(start).size() > kMaxBatchItemBytes) {
      return fail(BatchErrc::kTooLong);
    }
    const auto item = read_item(*inside);
    if (!item) {
      return fail(BatchErrc::kSyntax, item.error());
    }
    items.push_back(*item);
  }
  if (items.empty()) {
    return Err{BatchError{BatchErrc::kEmpty, 0, {}}};
  }
  return items;
}

void append_batch_item(Buffer& out, const ocsp::CertIdView& cert_id, Bytes have) {
  der::Writer writer;
  writer.sequence([&] {
    writer.raw(cert_id.raw);
    if (!have.empty()) {
      writer.octet_string(have);
    }
  });
  append(out, writer);
}

void append_batch_answer(Buffer& out, std::size_t index, Bytes response) {
  der::Writer writer;
  writer.sequence([&] {
    writer.integer(static_cast<std::int64_t>(index));
    writer.octet_string(response);
  });
  append(out, writer);
}

void append_batch_end(Buffer& out, const BatchEnd& end) {
  der::Writer writer;
  writer.element(kEnd, [&] {
    writer.sequence([&] {
      writer.integer(static_cast<std::int64_t>(end.answered));
      writer.integer(static_cast<std::int64_t>(end.unchanged));
      writer.integer(static_cast<std::int64_t>(end.left));
    });
  });
  append(out, writer);
}

der::DerResult<BatchAnswers> parse_batch_answers(Bytes body, std::size_t asked) {
  BatchAnswers out;
  out.replies.resize(asked);
  std::size_t answered = 0;
  der::Reader in(body);
  const auto wrong = [&in](std::string_view field) {
    return Err{der::DerError{der::DerErrc::kInconsistent, in.offset(), field}};
  };
  while (in.next_is(der::Tag::kSequence)) {
    MUSTER_TRY(der::Reader one, in.enter(der::Tag::kSequence, "BatchAnswer"));
    MUSTER_TRY(const std::uint64_t index, one.read_unsigned("index", asked));
    MUSTER_TRY(const Bytes response, one.read(der::Tag::kOctetString, "response"));
    MUSTER_CHECK(one.finish("BatchAnswer"));
    if (index >= asked || out.replies[index]) {
      return wrong("index");
    }
    out.replies[index] = to_buffer(response);
    ++answered;
  }
  MUSTER_TRY(der::Reader end, in.enter(kEnd, "BatchEnd"));
  MUSTER_TRY(der::Reader numbers, end.enter(der::Tag::kSequence, "BatchEnd"));
  MUSTER_TRY(out.end.answered, numbers.read_unsigned("answered", asked));
  MUSTER_TRY(out.end.unchanged, numbers.read_unsigned("unchanged", asked));
  MUSTER_TRY(out.end.left, numbers.read_unsigned("left", asked));
  MUSTER_CHECK(numbers.finish("BatchEnd"));
  MUSTER_CHECK(end.finish("BatchEnd"));
  MUSTER_CHECK(in.finish("BatchEnd"));
  if (out.end.answered != answered ||
      out.end.answered + out.end.unchanged + out.end.left != asked) {
    return wrong("BatchEnd");
  }
  for (std::size_t i = asked - out.end.left; i < asked; ++i) {
    if (out.replies[i]) {
      return wrong("left");
    }
  }
  return out;
}

BatchQuestion question_of(const BatchItemView& item) {
  ocsp::Request request;
  request.requests.push_back({item.cert_id.to_owned(), {}});
  return {ocsp::encode_request(request), to_buffer(item.have)};
}

}  // namespace muster::responder
