#pragma once

#include <optional>

#include "muster/stapler/target.h"

namespace muster::stapler {

/// What a target writes for a staple; for none (null) what its `empty` says, nothing when that is
/// no file at all.
std::optional<Buffer> render(const TargetOptions& target, const TargetSubject& subject,
                             const keeper::StaplePointer& staple);
/// The piece of nginx' configuration that names `file`, or says that there is no staple.
std::string render_nginx_snippet(const TargetSubject& subject, const std::string& file,
                                 bool has_staple);

}  // namespace muster::stapler
