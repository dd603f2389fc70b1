// Rollcall · Basics

/// Runs `body` for each element, at most `width` at a time; returns when all runs have ended.
package func inParallel<Element: Sendable>(
    _ elements: [Element], width: Int, _ body: @escaping @Sendable (Element) async -> Void
) async {
    if elements.count == 1 { return await body(elements[0]) }
    await withTaskGroup(of: Void.self) { group in
        for (index, element) in elements.enumerated() {
            if index >= width { await group.next() }
            group.addTask { await body(element) }
        }
    }
}
