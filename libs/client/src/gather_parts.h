#pragma once

#include "muster/client/crl_check.h"
#include "muster/client/gather.h"

// What the parts of gather() share, and the parts: one file each.
namespace muster::client::internal {

/// One gathering.
struct Gathering {
  Gathering(const Material& what, const GatherOptions& how, const Clock& time, Sources& from,
            Sources::Deadline until)
      : material(what),
        options(how),
        clock(time),
        sources(from),
        deadline(until),
        result(what.subject),
        certificate(what.subject.certificate()) {}

  const Material& material;
  const GatherOptions& options;
  const Clock& clock;
  Sources& sources;
  const Sources::Deadline deadline;
  Case result;
  const pki::Certificate* const certificate;  ///< null: only a serial is known
  std::vector<pki::Certificate> others;       ///< where issuers and signers may be found

  Evidence& add(Channel channel, std::string source, decltype(Evidence::content) content) {
    return result.evidence.emplace_back(Evidence{channel, std::move(source), std::move(content)});
  }
  [[nodiscard]] bool may_ask(const std::string& url) const {
    return options.reach == Reach::kAnywhere || is_local_url(url);
  }
  [[nodiscard]] bool outside_validity() const {
    const UnixSeconds now = clock.now();
    return certificate != nullptr &&
           (now > certificate->not_after() || now < certificate->not_before());
  }
  /// A GET of what is no OCSP answer.
  [[nodiscard]] net::FetchRequest get(const std::string& url, std::size_t limit) const;
};

/// The issuer and the way up as far as it can be shown: to a root if there are any, else by
/// signatures alone. Whether there is an issuer. (gather_chain.cc)
bool find_chain(Gathering& gathering);

/// Looks certificates up in CRLs: those given, and those they name. (gather_crl.cc)
class CrlPart {
 public:
  explicit CrlPart(Gathering& gathering) : g_(gathering) {}

  struct LookUp {
    std::optional<CrlVerdict> verdict;
    std::string source;                 ///< of the CRL that decided, or the first
    std::optional<CrlFailure> failure;  ///< of fetching
    bool kept_private = false;
    bool stale_says_revoked = false;        ///< see CrlFailure::says_revoked
    std::optional<UnixSeconds> kept_since;  ///< of the CRL that decided
    bool fetched_any = false;
    std::vector<std::string> passed_over{};  ///< see CrlAnswer::passed_over
  };
  /// Begins to download what `subject` names, as far as that may be asked.
  void begin(const Subject& subject);
  /// In the CRLs given, and if they do not tell, in those the certificate names.
  LookUp look_up(const Subject& subject, const std::vector<pki::Certificate>& path);

  /// Whether the certificate's CRLs are to be looked into, `named` ones among them.
  [[nodiscard]] bool has_given() const { return !g_.options.crls.empty(); }
  [[nodiscard]] bool may_use_named() const;
  /// Adds what CRLs say about the certificate itself. \param named  beside those given.
  void weigh(bool named);
  /// Whether they said good or revoked.
  [[nodiscard]] bool told() const { return told_; }

 private:
  struct Loaded {
    std::string name;
    std::shared_ptr<const CrlDocument> document;
    Sources::CrlTicket ticket;  ///< null for those given
    std::optional<UnixSeconds> kept_since;
    bool from_cache = false;
  };
  /// One distribution point, by its http names in their order.
  struct Place {
    std::vector<std::string> urls;
    std::size_t tried = 0;
  };
  [[nodiscard]] static std::vector<Place> places_of(const Subject& subject);
  [[nodiscard]] net::FetchRequest request_for(const std::string& url) const;
  Sources::CrlTicket begin_one(const std::string& url);
  bool finish_one(const std::string& url, std::vector<Loaded>& to, LookUp& result,
                  Sources::Deadline deadline);
  bool finish_place(Place& place, std::vector<Loaded>& to, LookUp& result);
  void finish_deltas(const Subject& subject, std::size_t first, std::vector<Loaded>& crls,
                     LookUp& result);
  void judge(const Subject& subject, const std::vector<pki::Certificate>& path,
             const std::vector<Loaded>& crls, LookUp& result);
  bool fetch_kept_anew(std::vector<Loaded>& crls);
  void add_verdict(LookUp result);
  [[nodiscard]] bool is_about_another(const CrlVerdict& verdict, const LookUp& result) const;

  Gathering& g_;
  bool use_named_ = true;
  bool told_ = false;
};

/// Verifies and asks for OCSP answers. (gather_ocsp.cc)
class OcspPart {
 public:
  OcspPart(Gathering& gathering, CrlPart& crls) : g_(gathering), crls_(crls) {}

  void weigh_staple();
  void weigh_saved();
  /// \param deadline  of the asking alone
  void ask_live(Sources::Deadline deadline);
  /// Whether an answer said good or revoked.
  [[nodiscard]] bool told() const { return told_; }

 private:
  /// Which copies of earlier answers may count.
  enum class Kept : std::uint8_t {
    kFresh,    ///< those whose responder said that nobody need ask yet
    kCurrent,  ///< those that still verify
  };
  /// What became of the signer's own revocation.
  struct SignerCheck {
    std::optional<LiveFailure> revoked;
    bool found_good = false;
  };

  void weigh_octets(Channel channel, std::string source, Bytes response);
  [[nodiscard]] bool is_about_another(Bytes response) const;
  SignerCheck check_signer(const VerifiedResponse& response);
  Evidence& accept(Channel channel, std::string source, VerifiedResponse response);
  std::optional<std::vector<std::string>> urls_to_ask();
  /// Whether a copy of what one of them answered was added.
  bool use_kept(const std::vector<std::string>& urls, Kept which);
  LiveOutcome ask(LiveOptions live, Sources::Deadline deadline,
                  std::optional<net::FetchResponse>& heard);

  Gathering& g_;
  CrlPart& crls_;
  bool told_ = false;
};

}  // namespace muster::client::internal
