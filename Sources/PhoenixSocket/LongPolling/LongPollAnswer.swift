// Rollcall · PhoenixSocket

import Basics
import JSONText
package import NIOCore

/// The answer to a request of a long poll.
///
/// Its HTTP status is always 200: phoenix.js reads the status from the body.
package struct LongPollAnswer: Hashable, Sendable {
    package enum Status: Int, Sendable {
        /// Messages, or a batch that was taken.
        case ok = 200
        /// No message came in time; the client polls again.
        case noContent = 204
        /// The caller may not have a socket; phoenix.js closes, and tries again later.
        case forbidden = 403
        /// A batch was not taken in time.
        case timeout = 408
        /// With a token, a new session; without, the session is gone, and the client begins another one.
        case gone = 410
        /// A poll was refused for another reason, such as a rate; phoenix.js closes, and tries again soon.
        ///
        /// At a status that it does not know, such as 429 or 503, phoenix.js would never poll again.
        case failed = 500
    }

    package let status: Status
    /// The token of the session; nil in answers to batches and to refused requests.
    package var token: String?
    /// The texts of messages.
    package var messages: [ByteBuffer] = []

    package init(_ status: Status, token: String? = nil, messages: [ByteBuffer] = []) {
        self.status = status
        self.token = token
        self.messages = messages
    }

    /// `{"status":200,"token":"…","messages":["…"]}`; without a token only the status.
    package var json: [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(messages.reduce(256) { $0 + $1.readableBytes + $1.readableBytes / 4 })
        json.append(literal: #"{"status":"#)
        json.append(decimal: status.rawValue)
        if let token {
            json.append(literal: #","token":"#)
            json.append(jsonString: token)
            json.append(literal: #","messages":"#)
            var separator = Separator(open: "[")
            for message in messages {
                separator.write(to: &json)
                message.withUnsafeReadableBytes { json.append(jsonString: $0.bindMemory(to: UInt8.self)) }
            }
            separator.close("]", to: &json)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }
}
