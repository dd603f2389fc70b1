// Rollcall · PresenceStore

import Redis

/// The Lua scripts, one for each operation, with the shared functions inserted.
enum StoreScripts {
    static let fence = script("fence", PackageResources.fence_lua)
    static let track = script("track", PackageResources.track_lua, sharesHolders: true)
    static let update = script("update", PackageResources.update_lua)
    static let untrack = script("untrack", PackageResources.untrack_lua, sharesHolders: true)
    static let heartbeat = script("heartbeat", PackageResources.heartbeat_lua)
    static let renew = script("renew", PackageResources.renew_lua, sharesHolders: true)
    static let release = script("release", PackageResources.release_lua, sharesHolders: true)
    static let restore = script("restore", PackageResources.restore_lua, sharesHolders: true)
    static let tick = script("tick", PackageResources.tick_lua)
    static let sweep = script("sweep", PackageResources.sweep_lua)
    static let audit = script("audit", PackageResources.audit_lua)
    static let enlist = script("enlist", PackageResources.enlist_lua)
    static let issue = script("issue", PackageResources.issue_lua)
    static let redeem = script("redeem", PackageResources.redeem_lua)
    static let revoke = script("revoke", PackageResources.revoke_lua)
    static let lift = script("lift", PackageResources.lift_lua)

    static let look = script("look", PackageResources.look_lua)
    static let rights = script("rights", PackageResources.rights_lua)
    static let writing = script("writing", PackageResources.writing_lua)

    static let all = [
        fence, track, update, untrack, heartbeat, renew, release, restore, tick, sweep, audit, enlist, issue, redeem,
        revoke, lift, look,
    ]

    /// Inserts the shared functions behind the first line, which has the flags and must stay first.
    private static func script(_ name: String, _ source: [UInt8], sharesHolders: Bool = false) -> RedisScript {
        let newline = UInt8(ascii: "\n")
        guard let end = source.firstIndex(of: newline) else { return RedisScript(name: name, source: source) }
        var whole = Array(source[...end])
        whole += PackageResources.common_lua
        if sharesHolders { whole += PackageResources.holders_lua }
        whole += source[end...]
        return RedisScript(name: name, source: whole)
    }
}
