// Rollcall · PresenceServer

import HTTPTypes

/// Decides which pages may write, and to which host names a node answers.
///
/// A page of any site could use an open node from a browser that reaches the node. Browsers send some requests without
/// a preflight. A site can also point one of its names to the node's own address (DNS
/// rebinding). The rules here refuse both.
package struct ServedOrigins: Sendable {
    /// An origin as browsers send it: scheme, host and port without a path.
    package struct Origin: Hashable, Sendable {
        let scheme: String
        let host: String
        let port: Int?

        /// Returns nil for a text that is not an origin.
        package init?(_ text: some StringProtocol) {
            guard let mark = text.firstRange(of: "://"), mark.lowerBound != text.startIndex,
                let authority = Authority(text[mark.upperBound...]), !authority.host.isEmpty,
                !authority.host.contains("*")
            else { return nil }
            let scheme = text[..<mark.lowerBound].lowercased()
            guard scheme.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x2B...0x39).contains($0) }) else {
                return nil
            }
            self.scheme = scheme
            host = authority.host
            port = authority.port ?? Self.defaultPorts[scheme]
        }

        static let defaultPorts = ["http": 80, "https": 443]

        /// Whether a `Host` names this origin.
        ///
        /// A proxy may have removed TLS, so the scheme is not known.
        func isServed(as authority: Authority) -> Bool {
            guard authority.host == host else { return false }
            if let port = authority.port { return port == self.port }
            return Self.defaultPorts.values.contains { $0 == port } || port == nil
        }
    }

    private let listed: Set<Origin>
    private let answersLocalNamesOnly: Bool

    /// - Parameters:
    ///   - listed: The origins with pages that may write.
    ///   - address: The address that the node listens on.
    package init(_ listed: [Origin] = [], listeningOn address: String = "0.0.0.0") {
        self.listed = Set(listed)
        answersLocalNamesOnly = Self.isLoopback(address)
    }

    private static func isLoopback(_ address: String) -> Bool {
        let address = address.lowercased()
        return address == "localhost" || address == "::1" || address == "[::1]" || address.hasPrefix("127.")
    }

    // MARK: Names

    /// Refuses host names that a foreign site could point to a node that listens on loopback only.
    ///
    /// A name without a dot belongs to no public zone, and no name server can point an address elsewhere.
    func check(name authority: String?) throws(Problem) {
        guard answersLocalNamesOnly, let authority, !authority.isEmpty else { return }
        guard let authority = Authority(authority) else { throw Self.misdirected(authority) }
        let host = authority.host.hasSuffix(".") ? String(authority.host.dropLast()) : authority.host
        if !host.contains(".") || host.hasSuffix(".localhost") || authority.isAddress { return }
        guard listed.contains(where: { $0.isServed(as: authority) }) else { throw Self.misdirected(host) }
    }

    private static func misdirected(_ host: String) -> Problem {
        Problem(
            .misdirected, at: .header("Host"),
            "This node listens on loopback and answers to local names, not to \(quoted(host)); "
                + "ROLLCALL_ORIGINS lists others."
        )
    }

    // MARK: Pages

    /// Refuses a write that a browser sends for a page of another site without a preflight.
    ///
    /// - Parameter isStream: Whether the request is for a stream that is a presence; browsers send it without a
    ///   preflight.
    func check(write request: HTTPRequest, isStream: Bool) throws(Problem) {
        guard isForeign(request), isStream || !Self.wasPreflighted(request) else { return }
        throw Problem(
            .crossSite, "A page of another origin may not write here; ROLLCALL_ORIGINS lists the origins that may.")
    }

    private func isForeign(_ request: HTTPRequest) -> Bool {
        let fields = request.headerFields
        let site = fields[.secFetchSite]
        // Browsers set this field, and pages cannot. It is right even if a proxy has changed Host.
        if site == "same-origin" || site == "none" { return false }
        guard let text = fields[.origin] else { return site == "cross-site" || site == "same-site" }
        guard let origin = Origin(text) else { return true }
        if listed.contains(origin) { return false }
        guard let authority = request.authority.flatMap({ Authority($0) }) else { return true }
        return !origin.isServed(as: authority)
    }

    /// Whether a browser sends a preflight before such a request to another origin (Fetch §3.3).
    private static func wasPreflighted(_ request: HTTPRequest) -> Bool {
        guard request.method == .post else { return true }
        guard let type = request.headerFields[.contentType] else { return false }
        let essence = type.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",") }
        let text = Substring(essence).filter { $0 != " " && $0 != "\t" }.utf8
        return !simpleTypes.contains { FieldText.isEqual(text, $0) } && !text.isEmpty
    }

    /// The media types of forms and beacons.
    private static let simpleTypes: [StaticString] = [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
    ]
}
