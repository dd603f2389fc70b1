// Rollcall · PresenceServer

package import HTTPTypes
package import PresenceModel
package import PresenceStore

/// `If-None-Match` of a read: the answers that a client has already.
package struct IfNoneMatch {
    private let tags: EntityTagList

    /// - Returns: Nil without the field.
    package init?(_ headers: HTTPFields) {
        guard let field = headers[.ifNoneMatch] else { return nil }
        self.tags = EntityTagList(field)
    }

    /// Compares weakly (RFC 9110 §13.1.2), and without the suffix of a proxy that compressed the answer.
    package func matches(_ tag: String) -> Bool {
        let opaque = tag.dropFirst().dropLast()
        return self.tags.hasStar
            || self.tags.tags.contains { tag in
                tag.opaque.hasPrefix(opaque) && EntityTag.isCoding(tag.opaque.dropFirst(opaque.count))
            }
    }

    /// Returns whether a PUT only creates, by `If-None-Match: *`; throws for any other value of the field.
    static func createsOnly(_ headers: HTTPFields) throws(Problem) -> Bool {
        guard let field = headers[.ifNoneMatch] else { return false }
        let list = EntityTagList(field)
        guard list.isWellFormed, list.hasStar, list.tags.isEmpty else {
            throw Problem(
                .invalidHeader, at: .header("If-None-Match"),
                "If-None-Match of a PUT is *, which only creates; not \(quoted(field)).")
        }
        guard !headers.contains(.ifMatch) else {
            throw Problem(
                .invalidHeader, at: .header("If-None-Match"),
                "If-None-Match: * only creates and If-Match only replaces; a PUT takes one of them.")
        }
        return true
    }
}

extension RefCondition {
    /// Reads `If-Match` of a write; nil without the field.
    ///
    /// - Throws: `invalid-header` for anything but `*` or a list of tags that can be refs.
    package init?(ifMatch headers: HTTPFields) throws(Problem) {
        guard let field = headers[.ifMatch] else { return nil }
        let list = EntityTagList(field)
        // RFC 9110 §13.1.1 compares strongly, because a weak tag may stand for several sets of bytes. A ref stands for
        // one version of a presence, but a proxy that compresses makes its tag weak. So such a tag is read as its ref.
        let isTaken = list.tags.allSatisfy { !$0.isWeak || $0.ref != nil }
        guard list.isWellFormed, isTaken, list.hasStar == list.tags.isEmpty else {
            throw Problem(
                .invalidHeader, at: .header("If-Match"),
                "If-Match takes * or strong entity tags, each a phx_ref in double quotes; not \(quoted(field)).")
        }
        self = list.hasStar ? .any : .oneOf(list.tags.compactMap(\.ref))
    }
}

/// The entity tags of a header field, as RFC 9110 §8.8.3 and §5.6.1 write them.
struct EntityTagList {
    struct Tag {
        let isWeak: Bool
        /// The text between the quotes.
        let opaque: Substring

        /// The ref that the tag was made of.
        var ref: Ref? {
            EntityTag.isCoding(self.opaque.dropFirst(Ref.length)) ? Ref(utf8: self.opaque.prefix(Ref.length).utf8) : nil
        }
    }

    /// The tags before the first part that is not a tag.
    private(set) var tags: [Tag] = []
    private(set) var hasStar = false
    private(set) var isWellFormed = true

    init(_ field: String) {
        var rest = field[...]
        while true {
            // A list may have empty elements.
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "," }
            guard let first = rest.first else { return }
            if first == "*" {
                self.hasStar = true
                rest = rest.dropFirst()
            } else {
                let isWeak = rest.hasPrefix("W/")
                let quoted = isWeak ? rest.dropFirst(2) : rest
                guard quoted.first == "\"", let end = quoted.dropFirst().firstIndex(of: "\"") else {
                    self.isWellFormed = false
                    return
                }
                self.tags.append(Tag(isWeak: isWeak, opaque: quoted[..<end].dropFirst()))
                rest = quoted[quoted.index(after: end)...]
            }
            rest = rest.drop { $0 == " " || $0 == "\t" }
            guard rest.isEmpty || rest.first == "," else {
                self.isWellFormed = false
                return
            }
        }
    }
}

package enum EntityTag {
    package static func of(_ cursor: Cursor) -> String { "\"\(cursor)\"" }
    /// The tag of a list with enrichment, which changes while the cursor stays.
    package static func of(_ cursor: Cursor, _ fields: EnrichmentFields) -> String {
        fields.isEmpty ? Self.of(cursor) : "\"\(cursor).\(String(fields.fingerprint, radix: 16))\""
    }
    package static func of(_ ref: Ref) -> String { "\"\(ref)\"" }

    private static let codings: Set = [
        "x-gzip", "gzip", "gz", "brotli", "br", "zstd", "zst", "deflate", "df", "compress", "dcb", "dcz",
    ]

    /// Whether a text is empty, or a suffix that proxies append to a tag when they compress: `-gzip` (Apache, Caddy),
    /// `--gzip` (Jetty), `;br` (LiteSpeed).
    static func isCoding(_ suffix: Substring) -> Bool {
        var rest = suffix
        while rest.last == ";" { rest.removeLast() }
        guard let separator = rest.popFirst() else { return true }
        if separator == "-", rest.first == "-" { rest.removeFirst() }
        return "-;+:".contains(separator) && Self.codings.contains(rest.lowercased())
    }
}
