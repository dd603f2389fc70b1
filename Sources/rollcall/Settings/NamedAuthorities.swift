// Rollcall · rollcall

/// The authorities that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as OpenSSL reads them, in place of the system's.
struct NamedAuthorities: Sendable {
    let file: String?
    /// The first one of a list.
    let folder: String?

    init(_ environment: [String: String]) {
        file = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        folder = environment["SSL_CERT_DIR"]?.split(separator: ":").first.map { String($0) }
    }
}
