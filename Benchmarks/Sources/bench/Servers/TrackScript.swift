// Rollcall · bench

import Foundation
import LoadGenerator

/// The script of a track, which redis-benchmark calls: writes without HTTP.
struct TrackScript {
    private let socket: String
    private let hash: String

    /// Loads the script as a node does, with the common part after the first line.
    init(root: String, redis: RedisServer) throws(LoadError) {
        let folder = "\(root)/Sources/PresenceStore/Scripts"
        guard let track = try? String(contentsOfFile: "\(folder)/track.lua", encoding: .utf8),
            let common = try? String(contentsOfFile: "\(folder)/common.lua", encoding: .utf8),
            let end = track.firstIndex(of: "\n")
        else { throw LoadError("\(folder) has no track.lua and common.lua") }
        socket = redis.socket
        let source = track[...end] + common + track[end...]
        let answer = try Child.run("redis-cli", ["-s", socket, "SCRIPT", "LOAD", String(source)])
        hash = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        guard hash.count == 40 else { throw LoadError("Redis refused the script: \(answer)") }
    }

    /// Returns the calls a second, over 32 connections; each call tracks so many members.
    func run(_ count: Int, members: Int) throws(LoadError) -> Double {
        let keys = ["m:room", "h:room", "z:room", "due", "g:room"].map { "rc:{0}:\($0)" }
        var arguments = [
            "-s", socket, "-c", "32", "-n", "\(max(32, count))", "-r", "1000000000", "-q", "EVALSHA", hash,
        ]
        arguments += ["5"] + keys + ["room", "rc:{0}:room", "", "0123456789abcdef", "put", "", "30"]
        for _ in 0..<members {
            arguments += [
                "user-__rand_int__/one", "GkXy0n1BQ5mV8a_R", "300", #"{"name":"User __rand_int__","status":"online"}"#,
            ]
        }
        let output = try Child.run("redis-benchmark", arguments)
        guard let end = output.range(of: " requests per second", options: .backwards),
            let rate = output[..<end.lowerBound].split(separator: " ").last.flatMap({ Double($0) })
        else { throw LoadError("redis-benchmark printed no rate: \(output)") }
        return rate
    }
}
