#include <array>

#include "muster/lint/report.h"

namespace muster::lint {

std::string rules_markdown(ProfileSet profiles) {
  std::string out =
      "# Rules of muster lint\n\nWritten by `./run docs` from the program itself (`muster lint "
      "--list-rules`). The columns: a stable name, how much it matters, what is demanded, where "
      "that "
      "is written, the row of the requirements table, and the profiles it belongs to.\n\n## "
      "Profiles\n\n| Profile | Text |\n| --- | --- |\n";
  ProfileSet all = 0;
  for (const ProfileRow& row : lint::profiles()) {
    all = static_cast<ProfileSet>(all | set_of({row.profile}));
    if ((profiles & set_of({row.profile})) != 0) {
      out += "| `" + std::string(row.name) + "` | " + std::string(row.source) + " |\n";
    }
  }
  constexpr std::array<std::string_view, 4> kTitles = {"Each response", "Each signer's certificate",
                                                       "The responder as a whole", "CRLs"};
  for (std::size_t scope = 0; scope < kTitles.size(); ++scope) {
    out +=
        "\n## " + std::string(kTitles.at(scope)) +
        "\n\n| Rule | Level | Says | Clause | Requirement | Profiles |\n| --- | --- | --- | --- | "
        "--- | --- |\n";
    for (const Rule& rule : rules()) {
      if (static_cast<std::size_t>(rule.scope) != scope || (rule.profiles & profiles) == 0) {
        continue;
      }
      out += "| `" + std::string(rule.id) + "` | " + std::string(to_string(rule.level)) + " | " +
             std::string(rule.says) + " | " + std::string(rule.clause) + " | " +
             std::string(rule.requirement) + " | " +
             (rule.profiles == all ? "all" : profile_names(rule.profiles)) + " |\n";
    }
  }
  return out;
}

}  // namespace muster::lint
