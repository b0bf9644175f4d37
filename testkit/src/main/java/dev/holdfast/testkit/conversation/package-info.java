/** A client's side of a conversation, over real sockets. */
@NullMarked
package dev.holdfast.testkit.conversation;

import org.jspecify.annotations.NullMarked;
