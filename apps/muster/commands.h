#pragma once

// One function a subcommand, each in its own file command_<name>.cc: parses argv[1..] (argv[0] is
// the subcommand), wires libraries, runs, returns the process's exit code. Exit codes common to
// all: kExitUsage, kExitInput, kExitInternal; of those that serve kExitAddress too.
namespace muster::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFindings = 1;  ///< muster lint: rules are broken
inline constexpr int kExitUsage = 64;    ///< wrong options or configuration
inline constexpr int kExitInput = 66;    ///< a file that cannot be read or is not what it should be
inline constexpr int kExitAddress = 69;  ///< cannot listen there: in use, or no right to
inline constexpr int kExitUnavailable = 69;  ///< muster lint: the responder does not answer
inline constexpr int kExitInternal = 70;     ///< the operating system or we failed

int run_responder(int argc, char** argv);
int run_explain(int argc, char** argv);       ///< muster responder explain
int run_explain_code(int argc, char** argv);  ///< muster explain
int run_export(int argc, char** argv);        ///< muster responder export
int run_check(int argc, char** argv);
int run_lint(int argc, char** argv);
int run_edge(int argc, char** argv);
int run_relay(int argc, char** argv);
int run_stapler(int argc, char** argv);
int run_front(int argc, char** argv);
int run_show(int argc, char** argv);
int run_store(int argc, char** argv);
int run_crl(int argc, char** argv);
int run_config(int argc, char** argv);

}  // namespace muster::app
