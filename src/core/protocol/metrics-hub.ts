/** What one series has become more by, or stands at, since an isolate's last delta. */
export type SeriesDelta =
  | { readonly type: 'counter'; readonly family: string; readonly labels: LabelValues; readonly add: number }
  /** `counts` are those of each bucket of the family alone, then of what is above the last; `sum` is in the family's unit. */
  | {
      readonly type: 'histogram';
      readonly family: string;
      readonly labels: LabelValues;
      readonly counts: readonly number[];
      readonly sum: number;
    };

/** In the order in which the family names its labels. */
export type LabelValues = readonly string[];

/** Where a gauge of one isolate stands; it stands there until the isolate's next delta, or until it is taken for gone. */
export interface GaugeReading {
  readonly family: string;
  readonly labels: LabelValues;
  readonly value: number;
}

/** What an isolate has counted since its last delta. */
export interface MetricsDelta {
  /** Any text that is its own. */
  readonly isolate: string;
  /** From 1. One that was taken before is not added again. */
  readonly sequence: number;
  readonly series: readonly SeriesDelta[];
  readonly gauges: readonly GaugeReading[];
}

/** One series with what all isolates of a hub came to. */
export type SeriesTotal =
  | { readonly family: string; readonly labels: LabelValues; readonly value: number }
  | {
      readonly family: string;
      readonly labels: LabelValues;
      readonly counts: readonly number[];
      readonly sum: number;
    };

/** What a `MetricsHub` object is asked. Its name is that of its shard: `metricsHubName`. */
export interface MetricsHubCalls {
  /** Resolves once the delta is in the object's storage. */
  take(delta: MetricsDelta): Promise<void>;
  read(): Promise<readonly SeriesTotal[]>;
}

/** Over how many objects isolates are divided: a scrape asks each. */
const METRICS_HUBS = 4;

/** The objects that a scrape asks. */
export const METRICS_HUB_NAMES: readonly string[] = Array.from({ length: METRICS_HUBS }, (_, i) => `hub-${i}`);

/** The object that takes what an isolate has counted. */
export function metricsHubName(isolate: string): string {
  let hash = 0;
  for (let i = 0; i < isolate.length; i++) hash = (Math.imul(hash, 31) + isolate.charCodeAt(i)) >>> 0;
  return METRICS_HUB_NAMES[hash % METRICS_HUBS];
}
