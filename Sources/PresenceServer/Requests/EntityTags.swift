// Rollcall · PresenceServer

package import HTTPTypes
package import Presence

/// `If-None-Match`: the lists that a client has already.
package struct IfNoneMatch {
    private let tags: [Substring]

    /// - Returns: Nil without the field.
    package init?(_ headers: HTTPFields) {
        guard let field = headers[.ifNoneMatch] else { return nil }
        self.tags = field.split(separator: ",").map { tag in
            let tag = tag.trimmed
            // Weak comparison (RFC 9110 §13.1.2): a proxy that compresses may have weakened the tag.
            return tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
        }
    }

    package func matches(_ tag: String) -> Bool {
        self.tags.contains { $0 == "*" || $0 == tag }
    }
}

/// `If-Match` of a PATCH: the ref that must still be the present one.
package enum IfMatch: Hashable {
    case any
    case ref(Ref)
    /// A well-formed tag that no ref of ours can equal.
    case nothing

    /// - Returns: Nil without the field.
    package init?(_ headers: HTTPFields) throws(Problem) {
        guard let field = headers[.ifMatch] else { return nil }
        let tag = field[...].trimmed
        if tag == "*" {
            self = .any
            return
        }
        let text = tag.dropFirst().dropLast()
        guard tag.utf8.count >= 2, tag.first == "\"", tag.last == "\"", !text.contains("\"") else {
            throw Problem(
                .invalidHeader, at: .header("If-Match"),
                "If-Match takes * or one strong entity tag, a phx_ref in double quotes; not \(excerpt(field)).")
        }
        self = Ref(utf8: text.utf8).map(IfMatch.ref) ?? .nothing
    }
}

package enum EntityTag {
    package static func of(_ cursor: Cursor) -> String { "\"\(cursor)\"" }
    /// Data that the fetch hook adds changes without moving the cursor.
    package static func of(_ cursor: Cursor, _ extras: Extras) -> String {
        extras.isEmpty ? Self.of(cursor) : "\"\(cursor).\(String(extras.fingerprint, radix: 16))\""
    }
    package static func of(_ ref: Ref) -> String { "\"\(ref)\"" }
}

extension Substring {
    /// The text without spaces and tabs around it.
    fileprivate var trimmed: Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let start = self.drop(while: isSpace)
        guard let end = start.lastIndex(where: { !isSpace($0) }) else { return start }
        return start[...end]
    }
}
