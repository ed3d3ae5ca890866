"""The operations that a SavedModel may have: arithmetic on tensors, control flow, variables, and nothing else."""

from __future__ import annotations

_LISTED = {
    "constants, shapes and places": """
        BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Cast CheckPinned Concat
        ConcatOffset ConcatV2 ConjugateTranspose Const DataFormatDimMap DataFormatVecPermute DeepCopy DepthToSpace
        Diag DiagPart DynamicPartition DynamicStitch Empty EnsureShape ExpandDims ExtractImagePatches
        ExtractVolumePatches Fill Gather GatherNd GatherV2 GuaranteeConst HostConst Identity IdentityN InplaceAdd
        InplaceSub InplaceUpdate InvertPermutation LinSpace LowerBound MatrixBandPart MatrixDiag MatrixDiagPart
        MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3
        MirrorPad NoOp OneHot OnesLike Pack Pad PadV2 ParallelConcat ParallelDynamicStitch Placeholder PlaceholderV2
        PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse ReverseSequence ReverseV2 Roll ScatterNd
        ScatterNdNonAliasingAdd Shape ShapeN Size Slice Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV
        Squeeze StopGradient StridedSlice StridedSliceGrad TensorScatterAdd TensorScatterMax TensorScatterMin
        TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unique UniqueV2 UniqueWithCounts
        UniqueWithCountsV2 Unpack UnravelIndex UpperBound Where ZerosLike
    """,
    "element by element": """
        Abs AccumulateNV2 Acos Acosh Add AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0
        BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Betainc
        BitwiseAnd BitwiseOr BitwiseXor Bucketize Ceil CheckNumerics CheckNumericsV2 ClipByValue Complex ComplexAbs
        Conj Cos Cosh Cross Dawsn Digamma Div DivNoNan Elu Equal Erf Erfc Erfinv Exp Expint Expm1 Floor FloorDiv
        FloorMod FresnelCos FresnelSin Greater GreaterEqual Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan
        LeakyRelu LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul
        MulNoNan Ndtri Neg NextAfter NotEqual Polygamma Pow Real RealDiv Reciprocal Relu Relu6 RightShift Rint Round
        Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Softplus Softsign Spence Sqrt Square SquaredDifference Sub
        Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta
    """,
    "sums, orders and products": """
        All Any ApproxTopK ArgMax ArgMin BatchMatMul BatchMatMulV2 BatchMatMulV3 Bincount Cumprod Cumsum
        CumulativeLogsumexp DenseBincount Einsum EuclideanNorm HistogramFixedWidth InTopK InTopKV2 KthOrderStatistic
        L2Loss ListDiff LogSoftmax MatMul Max Mean Min NthElement Prod SegmentMax SegmentMaxV2 SegmentMean SegmentMin
        SegmentMinV2 SegmentProd SegmentProdV2 SegmentSum SegmentSumV2 Softmax SparseSegmentMean SparseSegmentSum Sum
        TopK TopKUnique TopKV2 TopKWithUnique UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
        UnsortedSegmentSum
    """,
    "linear algebra and Fourier transforms": """
        BandedTriangularSolve BatchCholesky BatchMatrixInverse Cholesky Eig FFT FFT2D FFT3D FFTND IFFT IFFT2D IFFT3D
        IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND LogMatrixDeterminant Lu MatrixDeterminant MatrixExponential MatrixInverse
        MatrixLogarithm MatrixSolve MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Qr RFFT RFFT2D RFFT3D RFFTND
        SelfAdjointEig SelfAdjointEigV2 Svd TridiagonalMatMul TridiagonalSolve
    """,
    "networks": """
        AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 BlockLSTM BlockLSTMV2 Conv Conv2D
        Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInput Conv3DBackpropInputV2
        DepthwiseConv2dNative Dilation2D FractionalAvgPool FractionalMaxPool FusedBatchNorm FusedBatchNormV2
        FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D GRUBlockCell IsotonicRegression LRN LSTMBlockCell
        MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax SoftmaxCrossEntropyWithLogits
        SparseSoftmaxCrossEntropyWithLogits
    """,
    "what went backward, in graphs that hold an explanation": """
        AvgPoolGrad BiasAddGrad Conv2DBackpropFilter Conv2DBackpropFilterV2 DepthwiseConv2dNativeBackpropFilter
        DepthwiseConv2dNativeBackpropInput EluGrad FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3
        InvGrad LRNGrad LeakyReluGrad MaxPoolGrad MaxPoolGradV2 MirrorPadGrad ReciprocalGrad Relu6Grad ReluGrad
        ResizeBicubicGrad ResizeBilinearGrad ResizeNearestNeighborGrad RsqrtGrad SeluGrad SigmoidGrad SoftplusGrad
        SoftsignGrad SqrtGrad TanhGrad
    """,
    "images": """
        AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize
        ExtractGlimpse ExtractGlimpseV2 HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3
        NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
        NonMaxSuppressionWithOverlaps QuantizedResizeBilinear RGBToHSV ResizeArea ResizeBicubic ResizeBilinear
        ResizeNearestNeighbor SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 ScaleAndTranslate
        StatelessSampleDistortedBoundingBox
    """,
    "whole numbers that stand for real ones": """
        Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
        QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
        QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd QuantizedAvgPool QuantizedBiasAdd QuantizedConcat
        QuantizedConv2D QuantizedMatMul QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReluX
        QuantizedReshape RequantizationRange Requantize StochasticCastToInt UniformDequantize UniformQuantize
        UniformQuantizedAdd UniformQuantizedClipByValue UniformQuantizedConvolution UniformQuantizedConvolutionHybrid
        UniformQuantizedDot UniformQuantizedDotHybrid UniformRequantize
    """,
    "random numbers": """
        Multinomial ParameterizedTruncatedNormal RandomGamma RandomPoissonV2 RandomShuffle RandomStandardNormal
        RandomUniform RandomUniformInt RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormal
        StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt StatefulUniformInt
        StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomBinomial StatelessRandomGammaV2
        StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg
        StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomPoisson StatelessRandomUniform
        StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
        StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormal
        StatelessTruncatedNormalV2 TruncatedNormal
    """,
    "variables, whose values are read for the model and never by it": """
        Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp DisableCopyOnRead
        IsVariableInitialized ReadVariableOp ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterUpdate
        ResourceStridedSliceAssign VarIsInitializedOp VariableShape
    """,
    "control flow, functions, and lists of tensors": """
        Assert Case ControlTrigger EmptyTensorList Enter Exit FakeParam For If LoopCond Merge NextIteration
        PartitionedCall RefEnter RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch
        StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch TensorArrayCloseV3 TensorArrayConcatV3
        TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3
        TensorArrayWriteV3 TensorListConcat TensorListConcatLists TensorListConcatV2 TensorListElementShape
        TensorListFromTensor TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
        TensorListPushBackBatch TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList
        TensorListScatterV2 TensorListSetItem TensorListSplit TensorListStack ToBool While _SwitchN
    """,
    "what jax2tf writes without a module of its own": """
        XlaBroadcastHelper XlaConv XlaConvV2 XlaDot XlaDotV2 XlaDynamicSlice XlaDynamicUpdateSlice XlaEinsum XlaGather
        XlaKeyValueSort XlaOptimizationBarrier XlaPad XlaReduce XlaReducePrecision XlaReduceWindow XlaScatter
        XlaSelectAndScatter XlaSelfAdjointEig XlaSharding XlaSort XlaSvd XlaVariadicReduce XlaVariadicReduceV2
        XlaVariadicSort
    """,
}
ALLOWED = frozenset(name for names in _LISTED.values() for name in names.split())
"""By their names in TensorFlow. Not here: whatever reaches files, devices, the network, Python, other processes,
tables, queues and datasets, and what is made of text. What TensorFlow adds is refused until it is added here."""
VARIABLES = frozenset(("VarHandleOp", "Variable", "VariableV2"))
"""Those that hold a variable; their values come from the checkpoint."""
