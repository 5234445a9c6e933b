// harden: the process while it holds secrets: no core file, no memory that others may read, no
// exception's text on the screen that quotes one.
#pragma once

#include <string>

namespace dps::app {

/// For the start of main, before the first thread. RLIMIT_CORE becomes 0 (children inherit it), the
/// process is not dumpable (not under AddressSanitizer, whose leak check traces it: no core file is
/// then kept by the limit alone), and what ends the process by std::terminate says so in
/// `fault_text` of the exception and aborts.
void harden_process();

/// What may be shown of an exception that nobody expected: its type, and its text with secrets
/// masked, at most 300 characters. Called in a catch block or a terminate handler.
std::string fault_text();

}  // namespace dps::app
