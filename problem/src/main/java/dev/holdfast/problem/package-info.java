/** The vocabulary of what is wrong and where: problems, references, positions. Knows nothing but the JDK. */
@NullMarked
package dev.holdfast.problem;

import org.jspecify.annotations.NullMarked;
