// Rollcall · PresenceServer

import Basics

/// The address of a list's next page: the member `next` of the list, and the target of its `Link`.
///
/// Many clients ignore `Link`, and a client that reads the body alone has the member.
struct NextPage {
    /// An absolute path with a query, without the base path.
    private let reference: String

    /// - Parameters:
    ///   - path: The path of the list, percent-encoded.
    ///   - query: The parameters of the page, not encoded; one without a value is left out.
    init(of path: String, _ query: [(name: String, value: String?)]) {
        let query = query.compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }
        self.reference = "\(path)?\(query.joined(separator: "&"))"
    }

    /// Writes the member `next`.
    func write(to json: inout JSONObjectWriter, under base: BasePath) {
        json.string("next", base.text + self.reference)
    }

    /// The value of `Link`; the router puts the base path before its target.
    var link: String { "<\(self.reference)>; rel=\"next\"" }
}
