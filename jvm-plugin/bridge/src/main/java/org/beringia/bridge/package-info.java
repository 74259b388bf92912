/**
 * The native library as Java sees it: loading it, its handles, and the structs of the Arrow C Data Interface.
 * Knows no engine. The contract of both sides is {@code docs/jvm-boundary.md}.
 */
package org.beringia.bridge;
