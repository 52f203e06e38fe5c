import { BOOL, DOUBLE } from '../../columns/types.ts';
import { doubles } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';

/** Mean radius of the Earth in metres (IUGG). */
const EARTH_RADIUS_METRES = 6_371_008.8;

/** Metres between two points given in degrees, on a sphere (the haversine formula; at most 0.6 % off the ellipsoid). */
function distanceMetres(latA: number, lonA: number, latB: number, lonB: number): number {
  const radians = Math.PI / 180;
  const dLat = (latB - latA) * radians;
  const dLon = (lonB - lonA) * radians;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(latA * radians) * Math.cos(latB * radians) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Whether a point lies in a box, edges included; a box whose `minLon` is above its `maxLon` crosses the antimeridian. */
function isWithin(lat: number, lon: number, minLat: number, minLon: number, maxLat: number, maxLon: number): boolean {
  if (!(lat >= minLat && lat <= maxLat)) return false;
  return minLon <= maxLon ? lon >= minLon && lon <= maxLon : lon >= minLon || lon <= maxLon;
}

export const GEOGRAPHY_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  define({
    name: 'st_within',
    signatures: [doubles(6, BOOL)],
    evaluate(args) {
      const [lat, lon, minLat, minLon, maxLat, maxLon] = args.map(Number);
      return isWithin(lat, lon, minLat, minLon, maxLat, maxLon);
    },
  }),
  define({
    name: 'st_distance',
    signatures: [doubles(4, DOUBLE)],
    evaluate(args) {
      const [latA, lonA, latB, lonB] = args.map(Number);
      return distanceMetres(latA, lonA, latB, lonB);
    },
  }),
];
