// Rollcall · PresenceStore

import Basics

/// Assigns each bucket to one live node by rendezvous hashing: a node that starts or stops moves only its own share.
enum BucketAssignment {
    /// The buckets for which `node` scores highest of all live nodes.
    static func buckets(of node: String, among nodes: [String]) -> [Int] {
        let others = nodes.filter { $0 != node }.map { FNV1a.hash($0.utf8) }
        let own = FNV1a.hash(node.utf8)
        return (0..<StoreKeys.buckets).filter { bucket in
            let score = score(own, bucket)
            return others.allSatisfy { Self.score($0, bucket) < score }
        }
    }

    /// The finalizer of SplitMix64: each bit of the node and the bucket affects each bit of the score.
    private static func score(_ seed: UInt64, _ bucket: Int) -> UInt64 {
        var mixed = seed &+ UInt64(bucket + 1) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
