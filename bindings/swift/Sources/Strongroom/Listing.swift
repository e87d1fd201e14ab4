import Foundation

/// Something of a repository that is listed, pulled as it is wanted. Each iteration lists anew.
public struct Listing<Element: Sendable>: AsyncSequence, Sendable {
    struct Batches: Sendable {
        let next: @Sendable (Int32) throws -> [Element]
        let end: @Sendable () -> Void
    }

    private static var batchSize: Int32 { 256 }

    /// How it runs, where that is for its caller to say.
    var run: Run?
    let begin: @Sendable (RunHandle) throws -> Batches
    let onUnreadable: (@Sendable (StrongroomError) -> Void)?

    public func makeAsyncIterator() -> Iterator {
        Iterator(listing: self)
    }

    /// Everything that is listed.
    public func all() async throws -> [Element] {
        try await reduce(into: []) { $0.append($1) }
    }

    /// What is left of a listing.
    public struct Iterator: AsyncIteratorProtocol {
        /// Ends the listing with the iterator.
        private final class Open: Sendable {
            let run: RunHandle
            let batches: Batches

            init(_ run: RunHandle, _ batches: Batches) {
                self.run = run
                self.batches = batches
            }

            deinit {
                batches.end()
            }
        }

        let listing: Listing
        private var open: Open?
        private var batch: ArraySlice<Element> = []

        init(listing: Listing) {
            self.listing = listing
        }

        public mutating func next() async throws -> Element? {
            let open = try await opened()
            while batch.isEmpty {
                try Task.checkCancellation()
                do {
                    let batches = open.batches
                    let next = try await operate(open.run) { try batches.next(Listing.batchSize) }
                    if next.isEmpty { return nil }
                    batch = next[...]
                } catch let error as StrongroomError {
                    guard let onUnreadable = listing.onUnreadable else { throw error }
                    onUnreadable(error)
                }
            }
            return batch.popFirst()
        }

        private mutating func opened() async throws -> Open {
            if let open { return open }
            let (begin, run) = (listing.begin, try listing.run?.handle ?? RunHandle(budget: nil, progress: nil))
            let made = Open(run, try await operate(run) { try begin(run) })
            open = made
            return made
        }
    }
}
