/**
 * Every bound the platform keeps, with its reason. Related bounds are proved beside each other at the
 * end of the file. `docs/limits.md` is generated from here: the sentence above each entry is its text.
 */
const KB = 1000;
const MB = 1000 * KB;
const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** Cloudflare Queues refuse a message over 128 KB; one enters the broker as JSON of at most this many bytes. */
  queueMessageBytes: 128 * KB,
  /** A queue message carries at most this much payload inline; anything larger goes to R2 first. */
  queueInlineBytes: 100 * KB,
  /** D1 and Durable Object SQLite refuse a value over 2 MB; local runs do not, so the adapters do. */
  sqlValueBytes: 2 * MB,
  /** D1 and Durable Object SQLite bind at most this many parameters in a statement. */
  sqlParameters: 100,
  /** R2 keys are at most 1024 bytes; namespace, dataset and attempt take the rest. */
  objectNameBytes: 800,
  /** A Worker has six simultaneous outgoing connections; range reads are fetched at most this many at a time. */
  concurrentReads: 6,
  /** R2 refuses a multipart upload of more parts. */
  uploadParts: 10_000,
  /** R2's smallest part but the last is 5 MiB; ours are larger so that 10,000 of them hold 80 GiB. */
  uploadPartBytes: 8 * MiB,
  /** The body of one request; larger objects take the resumable upload. Cloudflare's smallest plan caps it here. */
  requestBodyBytes: 100 * MB,
  /** A request's address with its scheme and host, in characters; Cloudflare's edge takes 16 KB. */
  requestTargetChars: 16 * KiB,
  /** A JSON body of the management surface, held whole: a statement with its parameters, or a request for a key. */
  jsonBodyBytes: MB,
  /** One JSON value, CSV record or NDJSON line; beyond it the row is quarantined by name, never buffered whole. */
  rowBytes: 8 * MiB,
  /** A single JSON document that is neither an array nor a feature collection is held whole up to here. */
  jsonDocumentBytes: 16 * MiB,
  /** Levels of lists and objects within one JSON value; deeper is an attack or a mistake, and other readers stop there too. */
  jsonDepth: 512,
  /** Rows of a column batch; a batch is the unit between decode, validate and write. */
  batchRows: 16_384,
  /** Bytes of a column batch, reached before `batchRows` when rows are wide. */
  batchBytes: 4 * MiB,
  /** Rows of a Parquet row group; small groups let statistics prune (docs/decisions). */
  rowGroupRows: 65_536,
  /** Column bytes buffered before a segment is sorted and closed; with the encoder's copies it stays within an isolate. */
  segmentBufferBytes: 16 * MiB,
  /** Rows of one segment; row ordinals and index postings stay within 32 bits and one index build fits an isolate. */
  segmentRows: 1_000_000,
  /** Bytes of the source read by one invocation before it hands over to the next with a checkpoint. */
  ingestPartBytes: 64 * MiB,
  /** Builds of an index file that may fail before it is left unbuilt, until its index is rebuilt or changed. */
  indexAttempts: 5,
  /** Bytes a structure under construction (distinct values, postings) may hold while an index is built; beyond it the segment stays unindexed. */
  indexBuildBytes: 64 * MiB,
  /** Columns of a dataset. */
  columns: 1_000,
  /** A column's name: every segment's catalogue row repeats the names of all columns, and a row has its bound. */
  columnNameBytes: 256,
  /** Bad rows of one object kept in quarantine; beyond it the object fails. */
  quarantineRows: 10_000,
  /** Characters of one SQL text; a long one costs the parser more than the query. */
  sqlTextChars: 100_000,
  /** Expressions, columns and tables of a statement once all it repeats is written out; a short text can double itself at will. */
  statementNodes: 100_000,
  /** Rows a query answers with unless `maxRows` says less. */
  queryResultRows: 100_000,
  /** Bytes of result rows held for one answer that is not streamed. */
  queryResultBytes: 16 * MiB,
  /** Bytes the operators of a query (hash tables, sort buffers, join sides) hold before it is refused; scans read ahead as far as fits beside them. */
  queryOperatorBytes: 32 * MiB,
  /** Rows handed to the fallback executor; beyond it the query is refused with a clear error. */
  fallbackRows: 500_000,
  /** Instructions of SQLite's machine for one statement of the fallback executor: half a minute or more. */
  fallbackInstructions: 1_000_000_000,
  /** Terms that a prefix or a spelling of a text search may stand for in all segments together. */
  textExpansions: 10_000,
  /** Default and largest time of a query, checked at I/O since clocks stand still while an isolate computes. */
  queryTimeoutMs: 60_000,
  /** Queries that run at once in one isolate; more are told 429. */
  concurrentQueries: 4,
  /** Bytes of a Parquet footer; as objects it takes several times its size. */
  parquetFooterBytes: 16 * MiB,
  /** Elements of a Parquet schema, nested ones included. */
  parquetSchemaElements: 20_000,
  /** Column chunks (columns times row groups) of one Parquet file; the footer keeps an entry for each. */
  parquetColumnChunks: 200_000,
  /** One Parquet page, compressed or not; the header's word is not trusted beyond it. */
  parquetPageBytes: 64 * MiB,
  /** Values of one Parquet page; run lengths can claim any number in a few bytes. */
  parquetPageValues: 4 * 1024 * 1024,
  /** Decoded pages kept while the columns of a Parquet file are read side by side; beyond it pages are decoded again. */
  parquetPageCacheBytes: 32 * MiB,
  /** Queries that wait for one of those to end; the rest are told 429. */
  waitingQueries: 16,
  /** A processing lease: a consumer that has not renewed it is taken for dead. */
  ingestLeaseMs: 60_000,
  /** Attempts before an object is failed. */
  ingestAttempts: 5,
  /** Garbage of a lost attempt is kept this long; longer than the longest query. */
  garbageGraceMs: 15 * 60_000,
  /** One object of the control plane as JSON; the change log keeps it twice in a row (before and after). */
  resourceBytes: 512 * KiB,
  /** Rules of one path of one host, compiled, as JSON: an isolate reads them in one piece. Some 2,000 that differ by a header. */
  gatewayPathBytes: 1024 * KiB,
  /** Instructions of all expressions (of paths, headers, query parameters) in the routes of one host, some 350 expressions. An isolate makes them when they are first asked, in 60 ms. */
  gatewayHostInstructions: 8 * KiB,
  /** Steps that one request may cost the expressions of its host, characters times instructions at the worst: some 100 ms. */
  gatewayMatchSteps: 2_000_000,
  /** What making an instruction of an expression counts among them. */
  gatewayInstructionSteps: 100,
  /** An entry of the gateway's configuration, as JSON; a larger one stays as it was published last. */
  gatewayEntryBytes: 1_900_000,
  /** Tasks of one submit, results of one report, leases of one heartbeat: one transaction of an object that all share. */
  tasksPerCall: 1_000,
  /** The payload of a task, and the data of its result, as JSON; larger ones go to the bucket, and their name here. */
  taskPayloadBytes: 128 * KiB,
  /** The metadata of a task, as JSON. */
  taskMetadataChars: 8 * KiB,
  /** Characters of payload that one claim carries, and a page of a list: an RPC answer has at most 32 MiB, held twice. */
  taskAnswerChars: 4 * MiB,
  /** Combinations of type, priority and required capabilities in a shard of a queue; a claim looks at each. */
  taskLanes: 4_096,
  /** Groups with tasks in a shard of a queue, counted once for each such combination: some hundred bytes of memory each. */
  taskGroups: 20_000,
  /** Agents that hold a WebSocket to one shard of a queue: each task that is placed looks at all of them. */
  queueConnections: 1_000,
  /** Tasks that one connected agent may say it takes. */
  agentSlots: 1_000,
  /** Types and capabilities of a connected agent, as JSON: they are kept with its socket, and that holds 16 KiB. */
  agentHelloBytes: 8 * KiB,
  /** Tasks placed on connected agents by one transaction; others get their turn before the next. */
  tasksPerPush: 500,
  /** Due tasks of a shard counted to say how many agents it wants; there are never so many that a few more would matter. */
  scalingBacklog: 100_000,
  /** Objects whose alarm one sweep looks after: an invocation has 10,000 subrequests, and the sweep has other work. */
  sweepObjects: 2_000,
  /** The longest that one claim waits for work. */
  claimWaitSeconds: 60,
  /** Changes the control plane remembers: a watch that resumes from an older revision is told to list again. */
  watchHistoryRevisions: 10_000,
  /** Members of a cluster: each step of its machine looks at all of them. */
  clusterMembers: 5_000,
  /** A member's report as JSON: every change of it is kept in the history that watches resume from. */
  clusterMemberBytes: 16 * KiB,
  /** Changes a cluster remembers: a watch that resumes from an older revision is told to read the state again. */
  clusterHistoryRevisions: 10_000,
  /** Characters sent to a watch over WebSocket since its client last spoke: the platform holds what is not read, in 128 MB. */
  watchUnreadChars: 8 * MiB,
  /** The prefix of a watch over WebSocket: it is kept with the socket, where 16,384 bytes fit. */
  watchPrefixBytes: KiB,
  /** Leases of a cluster's keys: whenever one may have lapsed, all are looked at. */
  clusterLeases: 100_000,
  /** Keys that the deletions of intervals in one call take: its object holds them all, and writes two rows for each. */
  keysPerDeletion: 100_000,
  /** Keys of one lease: its end deletes them in one revision, which nobody can refuse. */
  keysPerLease: 10_000,
  /** Previous records in one message of a watch of keys: a revision is one message, however much it deletes. */
  watchPreviousBytes: 8 * MiB,
  /** Watches of keys in one stream of etcd's: each looks into the history at every write. */
  watchesPerStream: 100,
  /** Elections a cluster remembers, for people to look at. */
  clusterElectionRecords: 200,
  /** Members that resigned and are remembered as such, gone ones too; the oldest are forgotten first. */
  clusterResignations: 10_000,
  /** Counters of one object of a rate limit, a few hundred bytes each; keys beyond them share one counter a limit. */
  rateLimitCounters: 50_000,
  /** Keys of which an isolate remembers what it was lent; those used longest ago are forgotten first. */
  rateLimitLeases: 10_000,
  /** What is lent of a limit is used within this time, or goes back: an isolate that ended is waited for no longer. */
  rateLimitLeaseMs: 5_000,
  /** Endpoints of one upstream that discovery finds; more are left out. */
  upstreamEndpoints: 1_000,
  /** Endpoints that one object asks how they are: where they answer within 25 ms each is asked every ten seconds. */
  checkedEndpoints: 2_000,
  /** Connections an object checks with at a time: the platform has six for it, and one is left to tell what was found. */
  checkerConnections: 5,
  /** Of these, for endpoints that do not answer within a second: what hangs never holds all of them. */
  slowCheckerConnections: 3,
  /** Objects that check: each is awake for as long as anything is checked. A power of two. */
  checkers: 32,
  /** Endpoints an object checks on average, before twice as many share them: six may hang for 5 s and all be asked every 10 s. */
  endpointsPerChecker: 64,
  /** Circuit breakers that isolates share: each that is not closed is looked at whenever one may turn. */
  sharedBreakers: 20_000,
  /** How long one question of a gateway's isolate for news may wait: it asks once in this time, and hears of changes at once. */
  gatewaySyncMs: 5_000,
  /** The least between two reads of an isolate: a storm of changes costs it one a second. */
  gatewaySyncPauseMs: 1_000,
  /** A request of an isolate that had none for a while waits so long for the control plane, then is served with what there is. */
  gatewaySyncPatienceMs: 1_000,
  /** Bytes of the gateway's files an isolate keeps; as objects they take some five times as much of its 128 MB. */
  gatewayShardBytes: 8 * MiB,
  /** A request's body is kept for a retry or a mirror up to here; a longer one is sent once. */
  gatewayCopyBytes: 64 * KiB,
  /** An answer's body that says it is no longer is taken whole before it is passed on; a longer one streams. */
  gatewayShortBodyBytes: 64 * KiB,
  /** What one side of a pumped WebSocket may have been sent and not read: one message of the longest that the platform takes. */
  gatewaySocketUnreadBytes: 32 * MiB,
  /** The same of all of an isolate, whose 128 MB they share with what else is under way. */
  gatewaySocketsUnreadBytes: 48 * MiB,
  /** Messages of one pumped WebSocket in a second, both sides together: beyond, others of the isolate would wait for its. */
  gatewaySocketMessages: 5_000,
  /** Repetitions of a request, where a rule or an upstream asks for the most: more would be an attack on what is behind. */
  retryAttempts: 10,
  /** A mirror of a rule without a time of its own is waited for so long: nobody keeps an isolate working for it beyond. */
  mirrorMs: 15_000,
  /** Of the body of a health check so much is looked through for the text that is expected. */
  healthCheckBodyBytes: 64 * KiB,
  /** Versions of the gateway's configuration that can be looked at and gone back to. */
  gatewayVersions: 20,
  /** A version is kept so long in any case: isolates that have it still read its shards. */
  gatewayVersionMs: 10 * 60_000,
  /** An object of limits that takes longer to answer is taken for lost, and `onFailure` decides. */
  rateLimitAnswerMs: 1_000,
  /** A longer part of a limit's key is cut, and told from others that begin alike by a hash: keys lie in memory by the thousand. */
  rateLimitKeyChars: 128,
  /** Times a request may pass this deployment's gateway, by `Via`: an upstream may be a route of its own, a loop is not. */
  gatewayPasses: 3,
  /** Keys of consumers, or of signers, in one AuthPolicy: it is one entry of a shard, which a request may have to wait for. */
  policyKeys: 5_000,
  /** A JSON Web Token; a longer one is refused before anything is made of it. Rules go through its lists. */
  tokenChars: 16 * KiB,
  /** Keys of a JSON Web Key Set: those in use, and those of before and after a rotation. */
  keySetKeys: 64,
  /** A JSON Web Key Set that an issuer answers with. */
  keySetBytes: 256 * KiB,
  /** A key set is not asked for again for so long, unless a token names a key it does not have; then behind a request's back. */
  keySetFreshMs: 5 * 60_000,
  /** Where its issuer does not answer, the last key set is good for so long: longer, and a key taken back would live on. */
  keySetStaleMs: 60 * 60_000,
  /** For a key that is not known, and after a failure, an issuer is asked once in this time: tokens are strangers'. */
  keySetPauseMs: 10_000,
  /** An issuer answers in this time or not at all; a request may wait for it. */
  keySetAnswerMs: 3_000,
  /** Key sets an isolate keeps; the one it has known for longest is forgotten first. */
  keySets: 1_000,
  /** An authorisation rule in CEL; its parser takes 20 ms for so much, once an isolate. */
  ruleChars: 4_096,
  /** Parts of an authorisation rule: it costs at most so many times the entries of a request's largest list. */
  ruleParts: 500,
  /** Parts of a JSON Schema of bodies with its references written out: so much is done at most for each part of a body. */
  bodySchemaParts: 2_000,
  /** Levels of lists and objects in a body that is held against a JSON Schema. */
  checkedBodyDepth: 64,
  /** A body that is read whole to be held against a schema or a digest, where a policy asks for the most. */
  checkedBodyBytes: MiB,
  /** How long a client may take for such a body: it is held in memory meanwhile. */
  checkedBodyMs: 10_000,
  /** Isolates of the gateway tell what they counted once in this time, unless METRICS_FLUSH_MS says otherwise; one that ends before loses it. */
  metricsFlushMs: 10_000,
  /** Series of one such message, some hundred bytes each; the rest goes with the next. */
  metricsDeltaSeries: 1_000,
  /** Series that one MetricsHub object keeps, a kilobyte each; counts of others are kept without their labels. */
  metricsSeries: 10_000,
  /** An isolate not heard of for so long is taken for gone, and its gauges no longer count. */
  metricsIsolateMs: 60_000,
  /** A message that was not confirmed is repeated so long, and hubs know for twice as long which they have. */
  metricsRepeatMs: 600_000,
  /** Where there are too many series, those that nobody counted for so long make room first. */
  metricsIdleMs: 3_600_000,
  /** A route that is asked once a day keeps its counters; one that is gone for so long does not. */
  metricsForgetMs: 7 * 86_400_000,
} as const;

function prove(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`limits contradict each other: ${relation}`);
}

prove(LIMITS.queueInlineBytes < LIMITS.queueMessageBytes, 'an inline payload and its envelope fit a message');
prove(LIMITS.batchBytes <= LIMITS.segmentBufferBytes, 'a batch fits the segment buffer');
prove(LIMITS.queryTimeoutMs < LIMITS.garbageGraceMs, 'no query outlives the grace of the files it reads');
prove(LIMITS.ingestPartBytes >= LIMITS.rowBytes, 'a part makes progress by at least one row');
prove(
  2 * LIMITS.columns * LIMITS.columnNameBytes < LIMITS.sqlValueBytes / 2,
  'the names of all columns, in schema and statistics, take less than half of a row',
);
prove(
  2 * LIMITS.gatewayHostInstructions * LIMITS.gatewayInstructionSteps < LIMITS.gatewayMatchSteps,
  'one request can make all expressions of a host, and be held against them',
);
prove(LIMITS.gatewayEntryBytes < LIMITS.sqlValueBytes, 'an entry of the gateway fits a row');
prove(2 * LIMITS.resourceBytes < LIMITS.sqlValueBytes, 'a change with both its states fits a row');
prove(
  LIMITS.taskAnswerChars + LIMITS.tasksPerCall * LIMITS.taskMetadataChars < 16 * MiB,
  'a claim with its metadata fits an RPC answer, two bytes a character',
);
prove(4 * LIMITS.taskPayloadBytes < LIMITS.sqlValueBytes, 'payload, progress, result and history of a task fit a row');
prove(LIMITS.keySetPauseMs < LIMITS.keySetFreshMs, 'an issuer that failed is asked again while its keys are fresh');
prove(LIMITS.keySetFreshMs < LIMITS.keySetStaleMs, 'keys are asked for again before they are too old');
prove(
  LIMITS.slowCheckerConnections < LIMITS.checkerConnections,
  'what answers has connections that what hangs has not',
);
prove((LIMITS.checkers & (LIMITS.checkers - 1)) === 0, 'an upstream goes to a checker by the last bits of its hash');
prove(2 * LIMITS.metricsFlushMs < LIMITS.metricsIsolateMs, 'an isolate that lives is heard of in time');
prove(2 * LIMITS.metricsDeltaSeries * KB <= LIMITS.sqlValueBytes, 'what an isolate counted fits a row');
