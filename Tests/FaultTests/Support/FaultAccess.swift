// Rollcall · FaultTests

import AccessSamples
import Foundation

/// The keys of the nodes and the credentials of their clients, with `ROLLCALL_FAULTS_ACCESS=1`; without it the nodes
/// are open.
///
/// A browser has a token of its own. Backends, watchers and the tests themselves have an API key with every right.
enum FaultAccess {
    static let isOn = ProcessInfo.processInfo.environment["ROLLCALL_FAULTS_ACCESS"] == "1"

    private static let key = "rk_faultkey_" + String(repeating: "A", count: 43)
    private static let entry = """
        {
          "id": "faultkey", "sha256": "cdea7a5c093f6a4397ea2cc0f6cd1cba4019192d99c63419a0aaa91eb85470a7",
          "topic_prefixes": {"": ["track:any", "see"]}, "service": ["enrich", "operate", "revoke", "remove"]
        }
        """

    /// The settings of each node.
    static var settings: [String: String] {
        isOn ? ["ROLLCALL_API_KEYS": "[\(entry)]", "ROLLCALL_TOKEN_SECRET": SampleToken.secret] : [:]
    }

    /// The fields of a request of a backend.
    static var backend: [String: String] { isOn ? ["Authorization": "Bearer \(key)"] : [:] }

    /// The fields of a request of a browser that is present under `key`.
    static func browser(_ key: String) -> [String: String] {
        token(key).map { ["Authorization": "Bearer \($0)"] } ?? [:]
    }

    /// The token of that browser, for its socket; nil if the nodes are open.
    static func token(_ key: String) -> String? {
        guard isOn else { return nil }
        let rights = #"{"topic_prefixes":{"":["track","see"]}}"#
        return SampleToken.hs256(SampleToken.payload(key, rights: rights, lifetime: 7_200))
    }
}
