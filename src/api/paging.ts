import * as z from 'zod';

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;

/** Query parameters of every list: `?limit=&cursor=`. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().optional(),
};

/** The shape of every list: `{ items, nextCursor? }`. */
export function pageSchema(item: z.ZodType) {
  return z.object({ items: z.array(item), nextCursor: z.string().optional() });
}

export function pageResponse<T>(
  page: { items: readonly T[]; nextCursor: string | undefined },
  view: (item: T) => unknown,
): Response {
  const items = page.items.map(view);
  return Response.json(page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor });
}
