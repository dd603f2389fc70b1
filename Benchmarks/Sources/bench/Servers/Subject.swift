// Rollcall · bench

import Foundation
import Glibc
import LoadGenerator

/// A measured server: Rollcall or one of its peers.
enum Subject: String, CaseIterable, Codable {
    case rollcall
    /// nginx with its module nchan.
    case nchan
    /// Presence in the memory of one node.js process, written by hand.
    case node
    /// A loop that writes each event to each socket: the limit of the kernel.
    case floor
    /// redis-benchmark with the track script of Rollcall: the limit of Redis.
    case redis

    static let nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

    /// The reason why it cannot run here; nil if it can.
    var missingRequirement: String? {
        switch self {
        case .rollcall, .floor: nil
        case .nchan: access(Self.nchanModule, R_OK) == 0 ? nil : "libnginx-mod-nchan is not installed"
        case .node: Self.has("node") ? nil : "node is not on the PATH"
        case .redis: Self.has("redis-benchmark") ? nil : "redis-tools is not installed"
        }
    }

    private static func has(_ program: String) -> Bool {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// The path of a stream of the room.
    var roomStream: String {
        switch self {
        case .rollcall, .node, .redis: "/v1/topics/room/events"
        case .nchan, .floor: "/events"
        }
    }

    /// Writes the request that publishes a value to the room: a presence, or a text of its size for nchan and floor.
    func publish(_ key: Int, _ writer: RequestWriter, padding: Int = 0) {
        let now = Clock.now
        switch self {
        case .rollcall, .node, .redis:
            writer.request(
                "PUT", path: { Self.writePath(of: key, $0) },
                body: {
                    $0.text(#"{"meta":{"ts":"#)
                    $0.number(now)
                    if padding > 0 {
                        $0.text(#","pad":""#)
                        $0.filler(padding)
                        $0.text(#"""#)
                    }
                    $0.text("}}")
                })
        case .nchan, .floor:
            writer.request(
                "POST", contentType: "text/plain", path: { $0.text("/publish") },
                body: {
                    $0.text(#"{"joins":{"publisher-"#)
                    $0.number(key)
                    $0.text(#"":{"metas":[{"ts":"#)
                    $0.number(now)
                    $0.text(
                        #","phx_ref":"GkXy0n1BQ5mV8a_R","phx_ref_prev":"GkXy0n1BQ5mV8a_Q"}]}},"leaves":{"publisher-"#)
                    $0.number(key)
                    $0.text(
                        #"":{"metas":[{"was":123456789012345,"phx_ref":"GkXy0n1BQ5mV8a_Q"}]}},"reasons":{},"pad":""#)
                    $0.filler(2 * padding)
                    $0.text(#""}"#)
                })
        }
    }

    /// Writes the request that untracks a presence of the room; nchan and floor have none.
    func untrack(_ key: Int, _ writer: RequestWriter) {
        writer.request("DELETE", path: { Self.writePath(of: key, $0) })
    }

    private static func writePath(of key: Int, _ writer: RequestWriter) {
        writer.text("/v1/topics/room/presences/publisher-")
        writer.number(key)
        writer.text("/one")
    }
}
