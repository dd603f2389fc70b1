// Rollcall · rollcall

/// Finds the word that a misspelt one resembles.
enum SimilarWord {
    /// The word with the fewest changed letters, if those are at most 2 or a third of it.
    static func nearest(to word: String, among words: [String]) -> String? {
        let best = words.map { (word: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        guard let best, best.distance <= max(2, best.word.utf8.count / 3) else { return nil }
        return best.word
    }

    /// The letters to insert, remove or replace (Levenshtein), counted in bytes of the first 256.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.utf8.prefix(256)), Array(other.utf8.prefix(256)))
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let replaced = diagonal + (byte == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, row[column + 1] + 1)
            }
        }
        return row[other.count]
    }
}
