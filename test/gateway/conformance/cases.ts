import { ATTACHMENT_CASES } from './attachment.ts';
import type { ConformanceCase } from './case.ts';
import { FILTER_CASES } from './filters.ts';
import { FORWARDING_CASES } from './forwarding.ts';
import { MATCHING_CASES } from './matching.ts';

/**
 * What the Gateway API v1.5 asks of HTTPRoutes, as resources, requests and what has to come of them: written from the
 * specification's text, by the names of its conformance features.
 */
export const CASES: readonly ConformanceCase[] = [
  ...MATCHING_CASES,
  ...ATTACHMENT_CASES,
  ...FILTER_CASES,
  ...FORWARDING_CASES,
];
