// Rollcall · Postgres

import CPostgres
import Logging

/// Takes a connection's notices, which libpq would print to standard error.
///
/// Whoever holds the connection holds this as well: libpq keeps an unowned pointer to it.
final class PostgresNotices: Sendable {
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func receive(from connection: OpaquePointer) {
        let take: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?) -> Void = { owner, text in
            guard let owner, let text else { return }
            let notices = Unmanaged<PostgresNotices>.fromOpaque(owner).takeUnretainedValue()
            notices.logger.debug("PostgreSQL says: \(oneLine(String(cString: text)))")
        }
        PQsetNoticeProcessor(connection, take, Unmanaged.passUnretained(self).toOpaque())
    }
}

/// Makes one line of libpq's text, which may have several, some of them indented.
func oneLine(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline)
    return lines.map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
}
