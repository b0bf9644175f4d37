/** Small renderings compared with files: what a person reviewed once is what stays. */
@NullMarked
package dev.holdfast.testkit.golden;

import org.jspecify.annotations.NullMarked;
