// Rollcall · bench

import Foundation
import LoadGenerator

/// The script of a track, which redis-benchmark calls: writes without HTTP.
struct TrackScript {
    private let socket: String
    private let hash: String

    /// Loads the script as a node does, with the shared functions after the first line, and tries it once.
    init(root: String, redis: RedisServer) throws(LoadError) {
        let folder = "\(root)/Sources/PresenceStore/Scripts"
        guard let track = try? String(contentsOfFile: "\(folder)/track.lua", encoding: .utf8),
            let common = try? String(contentsOfFile: "\(folder)/common.lua", encoding: .utf8),
            let holders = try? String(contentsOfFile: "\(folder)/holders.lua", encoding: .utf8),
            let end = track.firstIndex(of: "\n")
        else { throw LoadError("\(folder) has no track.lua, common.lua and holders.lua") }
        socket = redis.socket
        let source = track[...end] + common + holders + track[end...]
        let answer = try Child.run("redis-cli", ["-s", socket, "SCRIPT", "LOAD", String(source)])
        hash = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        guard hash.count == 40 else { throw LoadError("Redis refused the script: \(answer)") }
        // redis-benchmark counts errors as answers.
        let reply = try Child.run("redis-cli", ["-s", socket, "-e", "EVALSHA", hash] + Self.arguments(members: 1))
        guard reply.contains("0123456789abcdef") else { throw LoadError("the script failed: \(reply)") }
    }

    /// Returns the calls a second, over 32 connections; each call tracks so many members.
    func run(_ count: Int, members: Int) throws(LoadError) -> Double {
        let arguments = [
            "-s", socket, "-c", "32", "-n", "\(max(32, count))", "-r", "1000000000", "-q", "EVALSHA", hash,
        ]
        let output = try Child.run("redis-benchmark", arguments + Self.arguments(members: members))
        guard let end = output.range(of: " requests per second", options: .backwards),
            let rate = output[..<end.lowerBound].split(separator: " ").last.flatMap({ Double($0) })
        else { throw LoadError("redis-benchmark printed no rate: \(output)") }
        return rate
    }

    /// Returns the keys and arguments of one call (track.lua).
    private static func arguments(members: Int) -> [String] {
        let keys = ["m:room", "h:room", "z:room", "due", "o:room", "g"].map { "rc:{0}:\($0)" }
        let member = [
            "user-__rand_int__\u{1F}one", "", "GkXy0n1BQ5mV8a_R", "300",
            #"{"name":"User __rand_int__","status":"online"}"#,
        ]
        return ["\(keys.count)"] + keys + ["room", "rc:{0}:room", "", "0123456789abcdef", "put", "", "30"]
            + (0..<members).flatMap { _ in member }
    }
}
