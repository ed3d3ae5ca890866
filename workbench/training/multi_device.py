"""An epoch of training on every device of the strategy, equal to one on a single device.

Keras 3.15 cannot `fit` with `MultiWorkerMirroredStrategy` (keras-team/keras issue 20585: it fails before the first
step), and with `MirroredStrategy` it takes the mean of the devices' means, so that a last batch that does not split
evenly counts wrongly. Here every replica takes its share of each batch, and sums are divided by the whole batch.
What is learned and told is then what one device would have learned from the same batches; only BatchNormalization,
which sees its share, and dropout, which draws for it, differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.training.distribution import start


def fit_epoch(
    model: Any, batches: Any, *, epoch: int, validation: Any = None, callbacks: Sequence[Any] = ()
) -> dict[str, float]:
    """Go through the training batches once, on every device of the strategy.

    Args:
        model: compiled inside `distribution.scope`.
        batches: `tf.data.Dataset` of (images, labels) or (images, labels, weights), the same on every worker.
        epoch: counted from 0; only told to the callbacks.
        validation: batches to measure after it.
        callbacks: of Keras.

    Returns:
        loss and metrics over all images, as `model.fit` logs them: "loss", "accuracy", …, "val_loss", ….
    """
    strategy = start()
    if strategy is None:
        if model.train_function is None:
            _make_variables(model, batches)
        fitted = model.fit(
            batches,
            initial_epoch=epoch,
            epochs=epoch + 1,
            validation_data=validation,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            callbacks=list(callbacks),
        )
        return {key: float(values[-1]) for key, values in fitted.history.items()}
    import keras

    told = keras.callbacks.CallbackList(list(callbacks), model=model)
    with strategy.scope():
        if not isinstance(model.train_function, Steps):  # Keras forgets it, too, when the model is compiled again
            model.train_function = Steps(model, strategy)
        steps = model.train_function
        told.on_train_begin()
        told.on_epoch_begin(epoch)
        logs = steps.through(batches, steps.train, told.on_train_batch_begin, told.on_train_batch_end)
        if validation is not None:
            told.on_test_begin()
            measured = steps.through(validation, steps.test, told.on_test_batch_begin, told.on_test_batch_end)
            told.on_test_end(measured)
            logs |= {f"val_{key}": value for key, value in measured.items()}
        told.on_epoch_end(epoch, logs)
        told.on_train_end(logs)
    return logs


def _make_variables(model: Any, batches: Any) -> None:
    """Make the variables of optimizer and metrics, in place of the first step: it would be traced a second time."""
    import tensorflow as tf

    labels = batches.element_spec[1]
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(
        None, tf.zeros((1, *labels.shape[1:]), labels.dtype), tf.zeros((1, *model.output_shape[1:])), None
    )
    model.reset_metrics()


class Steps:
    """A model's compiled training and test step on all replicas.

    Args:
        model: compiled inside the strategy's scope.
        strategy: with R replicas.
    """

    def __init__(self, model: Any, strategy: Any) -> None:
        import keras
        import tensorflow as tf

        self._model, self._strategy, self._replicas = model, strategy, strategy.num_replicas_in_sync
        self._loss = keras.metrics.Mean(name="loss")
        self._built = False
        model.optimizer.build(model.trainable_variables)
        self.train = tf.function(lambda share: strategy.run(self._train, args=share), reduce_retracing=True)
        self.test = tf.function(lambda share: strategy.run(self._test, args=share), reduce_retracing=True)

    def through(
        self, batches: Any, step: Callable[[Any], Any], begin: Callable[[int], None], end: Callable[[int], None]
    ) -> dict[str, float]:
        """Run a step on each batch; return loss and metrics over all images of all replicas."""
        if not self._built:  # metrics make their variables at first use, and compiled that can be too late
            self._build(next(iter(batches)))
        self._model.reset_metrics()
        self._loss.reset_state()
        for number, batch in enumerate(batches):
            begin(number)
            step(self._shared(batch))
            end(number)
        logs = {**self._model.get_metrics_result(), "loss": self._loss.result()}
        return {key: float(value) for key, value in logs.items()}

    def _build(self, batch: tuple[Any, ...]) -> None:
        import tensorflow as tf

        log = tf.get_logger()
        level = log.level
        log.setLevel("ERROR")  # it warns that what is not compiled is slow
        try:
            self._strategy.run(self._count, args=self._shared(batch))
        finally:
            log.setLevel(level)
        self._built = True

    def _shared(self, batch: tuple[Any, ...]) -> Any:
        """Give each replica its rows of a batch: images, labels, weights, rows that count, B.

        Where there are fewer images than replicas, some get the last one and count none of it, since the statistics
        of no image are no numbers.
        """
        import tensorflow as tf

        images, labels = batch[:2]
        count = int(images.shape[0])
        weights = batch[2] if len(batch) > 2 else tf.ones(count)

        def share(context: Any) -> tuple[Any, ...]:
            replica = context.replica_id_in_sync_group
            first, last = replica * count // self._replicas, (replica + 1) * count // self._replicas
            rows = slice(first, last) if last > first else slice(count - 1, count)
            return images[rows], labels[rows], weights[rows], tf.constant(last - first), tf.constant(count)

        return self._strategy.experimental_distribute_values_from_function(share)

    def _train(self, images: Any, labels: Any, weights: Any, rows: Any, count: Any) -> None:
        import tensorflow as tf

        model = self._model
        with tf.GradientTape() as tape:
            loss, output = self._measure(images, labels, weights, rows, count, training=True)
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_variables
        # Keras sums the gradients over the replicas before it applies them.
        model.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
        self._settle()
        self._note(loss, output, images, labels, rows)

    def _settle(self) -> None:
        """Give every replica the mean of the running means of BatchNormalization, which each keeps of its share."""
        import keras
        import tensorflow as tf

        layers = [layer for layer in self._model._flatten_layers() if layer.trainable]
        normal = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        statistics = [each for layer in normal for each in (layer.moving_mean, layer.moving_variance)]
        if statistics:
            means = tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.MEAN, [each.value for each in statistics]
            )
            for each, mean in zip(statistics, means, strict=True):
                each.assign(mean)

    def _count(self, images: Any, labels: Any, weights: Any, rows: Any, count: Any) -> None:
        self._model.compute_metrics(images, labels, self._model(images, training=False), None)

    def _test(self, images: Any, labels: Any, weights: Any, rows: Any, count: Any) -> None:
        loss, output = self._measure(images, labels, weights, rows, count, training=False)
        self._note(loss, output, images, labels, rows)

    def _measure(
        self, images: Any, labels: Any, weights: Any, rows: Any, count: Any, *, training: bool
    ) -> tuple[Any, Any]:
        """Return this replica's part of the whole batch's loss, and the output.

        Keras divides by the rows of this replica and by R. Weights take that back and divide by B.
        """
        import tensorflow as tf

        output = self._model(images, training=training)
        here = tf.shape(images)[0]
        counted = tf.cast(tf.range(here) < rows, weights.dtype)
        share = tf.cast(here * self._replicas, weights.dtype) / tf.cast(count, weights.dtype)
        loss = self._model.compute_loss(
            x=images, y=labels, y_pred=output, sample_weight=weights * counted * share, training=training
        )
        return loss, output

    def _note(self, loss: Any, output: Any, images: Any, labels: Any, rows: Any) -> None:
        import tensorflow as tf

        whole = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, loss)
        self._loss.update_state(whole, sample_weight=rows)
        self._model.compute_metrics(images[:rows], labels[:rows], output[:rows], None)
