import type { Scalar } from '../../../src/columns/column.ts';
import { type ColumnType, DATE, decimal, INT64, STRING } from '../../../src/columns/types.ts';
import type { Random } from '../../../src/core/random.ts';
import { pick } from '../samples.ts';
import type { TestTable } from './tables.ts';

/**
 * The tables of the TPC-H benchmark with few rows, values drawn so that its queries find some.
 * Source: TPC Benchmark H, https://www.tpc.org/tpch/.
 */
export function tpchTables(random: Random, scale: number): TestTable[] {
  const below = (limit: number) => Math.floor(random.next() * limit);
  const int = () => BigInt(below(1_000_000));
  const money = (): bigint => BigInt(below(2_000_000) - 100_000);
  const date = (from = 8035, days = 2400) => from + below(days);
  const MONEY = decimal(15, 2);
  const table = (name: string, columns: [string, ColumnType][], rows: Scalar[][]): TestTable => ({
    name,
    columns: columns.map(([column, type]) => ({ name: column, type })),
    rows,
  });
  const regions = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'];
  const nations = ['FRANCE', 'GERMANY', 'BRAZIL', 'CANADA', 'SAUDI ARABIA', 'INDIA', 'CHINA', 'KENYA'];
  const suppliers = 12 * scale;
  const customers = 30 * scale;
  const parts = 40 * scale;
  const orders = 150 * scale;
  const words = ['special', 'requests', 'green', 'carefully', 'Customer', 'Complaints', 'forest', 'quick'];
  const comment = () => Array.from({ length: 1 + below(4) }, () => pick(random, words)).join(' ');
  const orderDates = Array.from({ length: orders }, () => date());
  return [
    table('region', [['r_regionkey', INT64], ['r_name', STRING]], regions.map((name, i) => [BigInt(i), name])),
    table(
      'nation',
      [['n_nationkey', INT64], ['n_name', STRING], ['n_regionkey', INT64]],
      nations.map((name, i) => [BigInt(i), name, BigInt(i % 5)]),
    ),
    table(
      'supplier',
      [['s_suppkey', INT64], ['s_name', STRING], ['s_address', STRING], ['s_nationkey', INT64], ['s_phone', STRING], ['s_acctbal', MONEY], ['s_comment', STRING]],
      Array.from({ length: suppliers }, (_, i) => [BigInt(i), `Supplier#${i}`, `addr ${i}`, BigInt(below(8)), `1${below(9)}-${int()}`, money(), comment()]),
    ),
    table(
      'customer',
      [['c_custkey', INT64], ['c_name', STRING], ['c_address', STRING], ['c_nationkey', INT64], ['c_phone', STRING], ['c_acctbal', MONEY], ['c_mktsegment', STRING], ['c_comment', STRING]],
      Array.from({ length: customers }, (_, i) => [BigInt(i), `Customer#${i}`, `addr ${i}`, BigInt(below(8)), `${pick(random, ['13', '31', '23', '29', '10'])}-${int()}`, money(), pick(random, ['BUILDING', 'AUTOMOBILE']), comment()]),
    ),
    table(
      'part',
      [['p_partkey', INT64], ['p_name', STRING], ['p_mfgr', STRING], ['p_brand', STRING], ['p_type', STRING], ['p_size', INT64], ['p_container', STRING], ['p_retailprice', MONEY]],
      Array.from({ length: parts }, (_, i) => [
        BigInt(i),
        `${pick(random, ['green', 'forest', 'red'])} ${pick(random, ['green', 'blue'])}`,
        `Manufacturer#${below(3)}`,
        pick(random, ['Brand#12', 'Brand#23', 'Brand#34', 'Brand#45']),
        `${pick(random, ['PROMO', 'ECONOMY', 'MEDIUM POLISHED'])} ${pick(random, ['ANODIZED STEEL', 'BRASS', 'COPPER'])}`,
        BigInt(pick(random, [1, 3, 9, 14, 15, 23, 49])),
        pick(random, ['SM CASE', 'MED BOX', 'LG BOX', 'MED BAG']),
        money(),
      ]),
    ),
    table(
      'partsupp',
      [['ps_partkey', INT64], ['ps_suppkey', INT64], ['ps_availqty', INT64], ['ps_supplycost', MONEY]],
      Array.from({ length: parts * 3 }, (_, i) => [BigInt(i % parts), BigInt((i * 7) % suppliers), BigInt(below(100)), BigInt(below(10_000))]),
    ),
    table(
      'orders',
      [['o_orderkey', INT64], ['o_custkey', INT64], ['o_orderstatus', STRING], ['o_totalprice', MONEY], ['o_orderdate', DATE], ['o_orderpriority', STRING], ['o_shippriority', INT64], ['o_comment', STRING]],
      Array.from({ length: orders }, (_, i) => [BigInt(i), BigInt(below((customers * 2) / 3)), pick(random, ['F', 'O', 'P']), BigInt(below(50_000_000)), orderDates[i], pick(random, ['1-URGENT', '2-HIGH', '3-MEDIUM']), 0n, comment()]),
    ),
    table(
      'lineitem',
      [['l_orderkey', INT64], ['l_partkey', INT64], ['l_suppkey', INT64], ['l_linenumber', INT64], ['l_quantity', MONEY], ['l_extendedprice', MONEY], ['l_discount', MONEY], ['l_tax', MONEY], ['l_returnflag', STRING], ['l_linestatus', STRING], ['l_shipdate', DATE], ['l_commitdate', DATE], ['l_receiptdate', DATE], ['l_shipinstruct', STRING], ['l_shipmode', STRING]],
      Array.from({ length: orders * 4 }, (_, i) => {
        const order = below(orders);
        const shipped = orderDates[order] + below(120);
        return [BigInt(order), BigInt(below(parts)), BigInt(below(suppliers)), BigInt(i), BigInt(100 * (1 + below(50))), BigInt(below(9_000_000)), BigInt(below(11)), BigInt(below(9)), pick(random, ['R', 'A', 'N']), pick(random, ['O', 'F']), shipped, orderDates[order] + below(120), shipped + below(40), pick(random, ['DELIVER IN PERSON', 'NONE']), pick(random, ['AIR', 'AIR REG', 'MAIL', 'SHIP'])];
      }),
    ),
  ];
} // biome-ignore format: tables

/** The 22 queries, constants fitted to the small tables. */
export const TPCH: readonly string[] = [
  `SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
     sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
     sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
     avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
   FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL '90' DAY
   GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`,
  `SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr FROM part, supplier, partsupp, nation, region
   WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_type LIKE '%BRASS' AND s_nationkey = n_nationkey
     AND n_regionkey = r_regionkey AND r_name <> 'ASIA'
     AND ps_supplycost = (SELECT min(ps_supplycost) FROM partsupp, supplier, nation, region
       WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey
         AND n_regionkey = r_regionkey AND r_name <> 'ASIA')
   ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100`,
  `SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
   FROM customer, orders, lineitem WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey
     AND l_orderkey = o_orderkey AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-01'
   GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10`,
  `SELECT o_orderpriority, count(*) AS order_count FROM orders
   WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-07-01' + INTERVAL '3' MONTH
     AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
   GROUP BY o_orderpriority ORDER BY o_orderpriority`,
  `SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
   FROM customer, orders, lineitem, supplier, nation, region
   WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
     AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'AMERICA'
   GROUP BY n_name ORDER BY revenue DESC`,
  `SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
   WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1994-01-01' + INTERVAL '1' YEAR
     AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24`,
  `SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue FROM (
     SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, extract(year FROM l_shipdate) AS l_year,
       l_extendedprice * (1 - l_discount) AS volume
     FROM supplier, lineitem, orders, customer, nation n1, nation n2
     WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey AND s_nationkey = n1.n_nationkey
       AND c_nationkey = n2.n_nationkey
       AND ((n1.n_name = 'FRANCE' AND n2.n_name = 'GERMANY') OR (n1.n_name = 'GERMANY' AND n2.n_name = 'FRANCE'))
       AND l_shipdate BETWEEN DATE '1992-01-01' AND DATE '1998-12-31') AS shipping
   GROUP BY supp_nation, cust_nation, l_year ORDER BY supp_nation, cust_nation, l_year`,
  `SELECT o_year, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS mkt_share FROM (
     SELECT extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
     FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
     WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey
       AND c_nationkey = n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = 'AMERICA'
       AND s_nationkey = n2.n_nationkey AND p_type LIKE 'ECONOMY%') AS all_nations
   GROUP BY o_year ORDER BY o_year`,
  `SELECT nation, o_year, sum(amount) AS sum_profit FROM (
     SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year,
       l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
     FROM part, supplier, lineitem, partsupp, orders, nation
     WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey
       AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') AS profit
   GROUP BY nation, o_year ORDER BY nation, o_year DESC`,
  `SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name
   FROM customer, orders, lineitem, nation
   WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= DATE '1993-10-01'
     AND o_orderdate < DATE '1993-10-01' + INTERVAL '3' MONTH AND l_returnflag = 'R' AND c_nationkey = n_nationkey
   GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
   ORDER BY revenue DESC, c_custkey LIMIT 20`,
  `SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value FROM partsupp, supplier, nation
   WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY'
   GROUP BY ps_partkey HAVING sum(ps_supplycost * ps_availqty) > (
     SELECT sum(ps_supplycost * ps_availqty) * 0.0001 FROM partsupp, supplier, nation
     WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY')
   ORDER BY value DESC, ps_partkey`,
  `SELECT l_shipmode,
     sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS high_line_count,
     sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
   FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP')
     AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate AND l_receiptdate >= DATE '1994-01-01'
   GROUP BY l_shipmode ORDER BY l_shipmode`,
  `SELECT c_count, count(*) AS custdist FROM (
     SELECT c_custkey, count(o_orderkey) FROM customer LEFT OUTER JOIN orders
       ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%'
     GROUP BY c_custkey) AS c_orders (c_custkey, c_count)
   GROUP BY c_count ORDER BY custdist DESC, c_count DESC`,
  `SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
     / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
   FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1995-09-01'
     AND l_shipdate < DATE '1995-09-01' + INTERVAL '1' MONTH`,
  `WITH revenue AS (SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (1 - l_discount)) AS total_revenue
     FROM lineitem WHERE l_shipdate >= DATE '1996-01-01' AND l_shipdate < DATE '1996-01-01' + INTERVAL '3' MONTH
     GROUP BY l_suppkey)
   SELECT s_suppkey, s_name, s_address, s_phone, total_revenue FROM supplier, revenue
   WHERE s_suppkey = supplier_no AND total_revenue = (SELECT max(total_revenue) FROM revenue) ORDER BY s_suppkey`,
  `SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt FROM partsupp, part
   WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%'
     AND p_size IN (49, 14, 23, 45, 19, 3, 36, 9)
     AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
   GROUP BY p_brand, p_type, p_size ORDER BY supplier_cnt DESC, p_brand, p_type, p_size`,
  `SELECT sum(l_extendedprice) / 7.0 AS avg_yearly FROM lineitem, part
   WHERE p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container = 'MED BOX'
     AND l_quantity < (SELECT 0.8 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)`,
  `SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer, orders, lineitem
   WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 150)
     AND c_custkey = o_custkey AND o_orderkey = l_orderkey
   GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
   ORDER BY o_totalprice DESC, o_orderdate, o_orderkey LIMIT 100`,
  `SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part
   WHERE (p_partkey = l_partkey AND p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX')
       AND l_quantity >= 1 AND l_quantity <= 31 AND p_size BETWEEN 1 AND 25 AND l_shipmode IN ('AIR', 'AIR REG')
       AND l_shipinstruct = 'DELIVER IN PERSON')
     OR (p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX')
       AND l_quantity >= 10 AND l_quantity <= 40 AND p_size BETWEEN 1 AND 30 AND l_shipmode IN ('AIR', 'AIR REG')
       AND l_shipinstruct = 'DELIVER IN PERSON')`,
  `SELECT s_name, s_address FROM supplier, nation
   WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp
       WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'forest%')
         AND ps_availqty > (SELECT 0.1 * sum(l_quantity) FROM lineitem
           WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey))
     AND s_nationkey = n_nationkey ORDER BY s_name`,
  `SELECT s_name, count(*) AS numwait FROM supplier, lineitem l1, orders, nation
   WHERE s_suppkey = l1.l_suppkey AND o_orderkey = l1.l_orderkey AND o_orderstatus = 'F'
     AND l1.l_receiptdate > l1.l_commitdate
     AND EXISTS (SELECT * FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
     AND NOT EXISTS (SELECT * FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey
       AND l3.l_suppkey <> l1.l_suppkey AND l3.l_receiptdate > l3.l_commitdate)
     AND s_nationkey = n_nationkey GROUP BY s_name ORDER BY numwait DESC, s_name LIMIT 100`,
  `SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal FROM (
     SELECT substring(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal FROM customer
     WHERE substring(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')
       AND c_acctbal > (SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0.00
         AND substring(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17'))
       AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale
   GROUP BY cntrycode ORDER BY cntrycode`,
];
