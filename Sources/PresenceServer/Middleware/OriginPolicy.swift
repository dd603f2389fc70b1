// Rollcall · PresenceServer

package import Access
import HTTPTypes

/// Decides for which page a browser sent a request, and to which host names a node answers.
///
/// A page of any site can send requests to a node from a browser that reaches the node. A site can also point one of
/// its names to the node's own address (DNS rebinding), so that its page seems to be the node's own. The rules here
/// refuse both.
package struct OriginPolicy: Sendable {
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
        /// - Parameter known: The scheme of the request; if it is not known, `http` and `https` are both right.
        func isServed(as authority: Authority, over known: String? = nil) -> Bool {
            guard authority.host == host, Self.defaultPorts[scheme] != nil, known == nil || known == scheme else {
                return false
            }
            if let port = authority.port { return port == self.port }
            if let known { return port == Self.defaultPorts[known] }
            return Self.defaultPorts.values.contains { $0 == port }
        }
    }

    /// The page for which a browser sent a request.
    enum Page: Sendable {
        /// No page: the client is no browser, or the request does not show one.
        case none
        /// A page of the node's own origin.
        case own
        /// A page of a listed origin.
        case listed
        /// A page of any other origin, which may not write.
        case foreign
    }

    private let listed: Set<Origin>
    private let listensOnLoopback: Bool
    private let isOpen: Bool
    private let proxies: TrustedProxies

    /// - Parameters:
    ///   - listed: The origins with pages that may read and write.
    ///   - address: The address that the node listens on.
    ///   - isOpen: Whether callers need no credential.
    ///   - proxies: The proxies that name the schemes of requests.
    package init(
        _ listed: [Origin] = [], listeningOn address: String = "0.0.0.0", isOpen: Bool = false,
        proxies: TrustedProxies = TrustedProxies()
    ) {
        self.listed = Set(listed)
        listensOnLoopback = Self.isLoopback(address)
        self.isOpen = isOpen
        self.proxies = proxies
    }

    private static func isLoopback(_ address: String) -> Bool {
        let address = address.lowercased()
        return address == "localhost" || address == "::1" || address == "[::1]" || address.hasPrefix("127.")
    }

    // MARK: Names

    /// Refuses host names that a foreign site could point to a node that listens on loopback.
    ///
    /// A name without a dot belongs to no public zone, and no name server can point an address elsewhere. An open node
    /// answers to no addresses but those of loopback all the same.
    func check(name authority: String?) throws(Problem) {
        guard listensOnLoopback, let authority, !authority.isEmpty else { return }
        guard let authority = Authority(authority) else { throw Self.misdirected(authority) }
        if authority.isLoopback || isListed(authority) { return }
        let name = authority.name
        let isLocal = authority.isAddress || name.hasSuffix(".localhost") ? !isOpen : !name.contains(".")
        guard isLocal else { throw Self.misdirected(authority.host) }
    }

    private func isListed(_ authority: Authority) -> Bool { listed.contains { $0.isServed(as: authority) } }

    private static func misdirected(_ host: String) -> Problem {
        Problem(
            .misdirected, at: .header("Host"),
            "This node listens on loopback and answers to local names, not to \(quoted(host)); "
                + "ROLLCALL_ORIGINS lists others."
        )
    }

    // MARK: Pages

    /// Finds the page for which a browser sent a request.
    ///
    /// An origin that is not listed is the node's own if the request has its scheme and its authority. Browsers set
    /// `Origin` and `Sec-Fetch-Site`, and pages cannot. So a page that the browser names cross-site is not the node's
    /// own, even if a proxy makes the authorities equal.
    ///
    /// - Parameter peer: The address at the other end of the connection.
    func page(of request: HTTPRequest, from peer: ClientAddress? = nil) -> Page {
        let site = request.headerFields[.secFetchSite]
        let isElsewhere = site == "cross-site" || site == "same-site"
        guard let text = request.headerFields[.origin] else { return isElsewhere ? .foreign : .none }
        guard let origin = Origin(text) else { return .foreign }
        if listed.contains(origin) { return .listed }
        guard !isElsewhere, let authority = request.authority.flatMap({ Authority($0) }),
            origin.isServed(as: authority, over: scheme(of: request, from: peer)), isOwn(authority)
        else { return .foreign }
        return .own
    }

    /// The scheme by which a client sent a request; nil if it is not known, because a proxy may have removed TLS.
    private func scheme(of request: HTTPRequest, from peer: ClientAddress?) -> String? {
        guard let peer, proxies.trusts(peer) else { return request.scheme == "https" ? "https" : nil }
        return ForwardedFields.scheme(
            inForwardedProto: request.headerFields[values: .forwardedProto],
            forwarded: request.headerFields[values: .forwarded])
    }

    /// Whether a page of this authority is the node's own: no foreign site can point the name to the node.
    ///
    /// Where callers need a credential and the node does not listen on loopback, any name is right: a page that reaches
    /// the node under a name of its own has no credential.
    private func isOwn(_ authority: Authority) -> Bool {
        if authority.isLoopback || isListed(authority) { return true }
        return !listensOnLoopback && (!isOpen || authority.isAddress)
    }

    /// Refuses a write for a page of another origin.
    ///
    /// A stream that is a presence counts as a write.
    ///
    /// - Parameter peer: The address at the other end of the connection.
    func check(write request: HTTPRequest, from peer: ClientAddress? = nil) throws(Problem) {
        guard page(of: request, from: peer) == .foreign else { return }
        throw Problem(
            .crossSite, "A page of another origin may not write here; ROLLCALL_ORIGINS lists the origins that may.")
    }
}
