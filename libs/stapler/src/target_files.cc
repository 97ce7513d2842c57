#include "target_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "muster/base/text.h"
#include "muster/stapler/render.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

/// Whether it can stand in quotes in nginx' configuration.
bool is_quotable(const std::string& path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return c >= ' ' && c != 0x7f && c != '"' && c != '\\' && c != '$';
  });
}

Result<Applied, std::string> remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) {
    return Applied::kRemoved;
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return Applied::kUnchanged;
  }
  char text[128];
  return Err{"'" + path + "': cannot remove a staple that must not be used any more: " +
             ::strerror_r(errno, text, sizeof text)};
}

Result<Applied, std::string> write(const std::string& path, Bytes content) {
  if (const auto present = read_file(path, kMaxFileBytes); present && equal(*present, content)) {
    return Applied::kUnchanged;
  }
  if (const auto written = write_file_atomically(path, content); !written) {
    return Err{to_string(written.error())};
  }
  return Applied::kWritten;
}

}  // namespace

TargetPaths paths_of(const TargetOptions& target, const TargetSubject& subject) {
  return {expand_template(target.file, subject), expand_template(target.snippet, subject)};
}

TargetStamps stamps_of(const TargetPaths& paths) {
  const auto stamp = [](const std::string& path) {
    return path.empty() ? FileStamp{} : system_files().stamp(path);
  };
  return {stamp(paths.file), stamp(paths.snippet)};
}

std::optional<std::string> find_path_problem(const TargetOptions& target,
                                             const TargetSubject& subject,
                                             const TargetPaths& paths) {
  if (target.kind == TargetKind::kNginx && !is_quotable(paths.file)) {
    return "'" + printable(paths.file) +
           "' cannot be written into nginx' configuration (no quotes, backslashes and '$' in "
           "paths)";
  }
  const std::string secret = expand_template(target.k8s_secret, subject);
  if (target.form.value_or(row_of(target.kind).form) == Form::kSecret && !is_k8s_name(secret)) {
    return "'" + printable(secret) +
           "' is no name of a Secret (small letters, digits, '-' and '.'; give 'secret', or the "
           "certificate another name)";
  }
  return std::nullopt;
}

FilesOutcome write_files(const TargetOptions& target, const TargetSubject& subject,
                         const TargetPaths& paths, const keeper::StaplePointer& staple) {
  FilesOutcome out;
  const auto take = [&out](const Result<Applied, std::string>& result) {
    if (!result) {
      out.why_not = result.error();
    } else {
      out.changed = out.changed || *result != Applied::kUnchanged;
    }
    return static_cast<bool>(result);
  };
  const auto write_snippet = [&] {
    if (paths.snippet.empty()) {
      return true;
    }
    const std::string text = render_nginx_snippet(subject, paths.file, staple != nullptr);
    return take(write(paths.snippet, as_bytes(text)));
  };
  const auto write_staple = [&] {
    if (paths.file.empty()) {
      return true;
    }
    const auto content = render(target, subject, staple);
    return take(content ? write(paths.file, *content) : remove(paths.file));
  };
  if (staple) {
    out.file_done = write_staple();
    if (out.file_done) {
      write_snippet();
    }
  } else {
    out.file_done = write_snippet() && write_staple();
  }
  return out;
}

}  // namespace muster::stapler
