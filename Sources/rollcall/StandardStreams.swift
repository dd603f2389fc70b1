// Rollcall · rollcall

import Foundation

/// The three streams that a process begins with.
enum StandardStreams {
    /// Makes the program survive their loss; called before any file is opened.
    ///
    /// Without SIGPIPE a write to a pipe without a reader returns an error. A closed stream is opened on /dev/null:
    /// otherwise the next file or socket would get its number, and log lines.
    static func surviveLoss() {
        signal(SIGPIPE, SIG_IGN)
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // `open` takes the lowest free number, which is this one, because those below it are open.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
        }
    }
}
